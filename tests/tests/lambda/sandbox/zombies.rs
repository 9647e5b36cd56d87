//! Nobody asks for the status of an orphan: it counts against the limit of processes until the environment ends.

use lambda_sandbox::{Profile, limits};
use serde_json::json;

use crate::sandbox::{function, start};

#[test]
fn zombies_are_warned_of_before_there_is_room_for_no_more() {
    const EACH_RUN: usize = 60;
    let script = format!(
        "i=0; while [ $i -lt {EACH_RUN} ]; do (setsid true &); i=$((i + 1)); done; sleep 0.2"
    );
    let Some(sandbox) = function(&script) else {
        return;
    };
    let mut lambda = start(&sandbox, Profile::Observed);
    let half = usize::try_from(limits::NPROC).unwrap() / 2;
    for turn in 0..=half.div_ceil(EACH_RUN) {
        let (status, log) = lambda.invoke(&json!({})).status_and_log();
        assert_eq!(status, 200, "{turn}: {log}");
    }
    let zombies = lambda.namespace().zombies();
    assert!(zombies >= half, "only {zombies}");
    let run = lambda.stop();
    let warns = |line: &str| line.contains("zombie");
    let warnings = run.stderr().lines().filter(|line| warns(line)).count();
    assert!(warnings > 0, "{}", run.stderr());
    sandbox.expect_clean();
}
