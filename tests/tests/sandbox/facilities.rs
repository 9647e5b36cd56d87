//! What a container finds, where the platform does not have it.

use lambda_sandbox::Profile;
use serde_json::json;

use crate::{function, start};

under_every_profile! {
    a_container_has_shared_memory_a_home_and_no_core_dumps,
}

fn a_container_has_shared_memory_a_home_and_no_core_dumps(profile: Profile) {
    let script = "set -e; echo x > /dev/shm/f; cat /dev/shm/f; rm /dev/shm/f
        echo y > \"$HOME/f\"; cat \"$HOME/f\"; rm \"$HOME/f\"; ulimit -c
        if command -v bash > /dev/null; then bash -c 'cat <(echo z)'; else echo z; fi";
    let Some(sandbox) = function(script) else {
        return;
    };
    let mut lambda = start(&sandbox, profile);
    for _ in 0..2 {
        let (status, log) = lambda.invoke(&json!({})).status_and_log();
        assert_eq!((status, log.as_str()), (200, "x\ny\n0\nz\n"), "{profile}");
    }
    lambda.stop();
    sandbox.expect_clean();
}
