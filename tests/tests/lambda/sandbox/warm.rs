//! One environment, several invocations, frozen between them.

use e2e::FreezeBy;
use lambda_sandbox::Profile;
use serde_json::json;

use crate::sandbox::{function, start};

under_every_profile! {
    invocations_with_a_freeze_between_them_do_not_see_each_other,
}

/// Tells what is there, then changes it. (Under the strict profile `mv` cannot: it calls renameat2.)
const VANDAL: &str = "
    cat /etc/passwd; for f in /etc/new /opt/made/deep /etc/link /var/mark; do [ -e $f ] && echo $f is there; done
    [ -d /home ] && echo home; [ -x /etc/passwd ] && echo executable
    echo line >> /etc/passwd; echo new > /etc/new; mkdir -p /opt/made/deep; ln -s /etc /etc/link
    chmod 777 /etc/passwd; mv /home /moved 2> /dev/null; echo x > /var/mark; echo done";

fn invocations_with_a_freeze_between_them_do_not_see_each_other(profile: Profile) {
    for by in [FreezeBy::Cgroup, FreezeBy::Signals] {
        let Some(sandbox) = function(VANDAL) else {
            return;
        };
        let mut lambda = start(&sandbox, profile);
        let mut first = None;
        for turn in 0..5 {
            let (status, log) = lambda.invoke(&json!({ "turn": turn })).status_and_log();
            assert_eq!(status, 200, "{profile} {by:?} {turn}: {log}");
            assert!(log.contains("home") && !log.contains("is there"), "{log}");
            let first = first.get_or_insert_with(|| log.clone());
            assert_eq!(first, &log, "{profile} {by:?} {turn}");
            lambda.freeze(by);
            std::thread::sleep(std::time::Duration::from_millis(100));
            lambda.thaw();
        }
        let run = lambda.stop();
        assert!(!run.stderr().contains("panicked"), "{}", run.stderr());
        sandbox.expect_clean();
    }
}
