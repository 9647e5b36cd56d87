//! What a container finds, where the platform does not have it.

use e2e::{Mode, Sandbox};
use lambda_sandbox::Profile;
use serde_json::json;

use crate::sandbox::start;

under_every_profile! {
    a_container_has_shared_memory_a_home_and_no_core_dumps,
}

/// What it prints is the same everywhere, with bash in the image or without.
const SCRIPT: &str = "set -e; echo x > /dev/shm/f; cat /dev/shm/f; rm /dev/shm/f
    echo y > \"$HOME/f\"; cat \"$HOME/f\"; rm \"$HOME/f\"; ulimit -c
    exec 3< \"$EVENT_FILE\"; cat /dev/fd/3; echo; exec 3<&-; echo > /dev/null
    if command -v bash > /dev/null; then bash -c 'cat <(echo z)'; else echo z; fi";

fn a_container_has_shared_memory_a_home_and_no_core_dumps(profile: Profile) {
    has_what_it_needs(Mode::NativeF1, profile);
}

#[test]
fn a_container_of_udocker_has_them_too() {
    has_what_it_needs(Mode::F1, Profile::Observed);
}

fn has_what_it_needs(mode: Mode, profile: Profile) {
    let Some(sandbox) = Sandbox::on_lambda(mode) else {
        return;
    };
    sandbox.function(SCRIPT, &json!({}));
    let mut lambda = start(&sandbox, profile);
    for _ in 0..2 {
        let (status, log) = lambda.invoke(&json!({})).status_and_log();
        assert_eq!(
            (status, log.as_str()),
            (200, "x\ny\n0\n{}\nz\n"),
            "{profile}"
        );
    }
    lambda.stop();
    sandbox.expect_clean();
}
