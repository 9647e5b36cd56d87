//! Which of the system calls that nobody knows about are needed.

use e2e::{Lambda, Mode};
use lambda_sandbox::calls::{Certainty, table};
use serde_json::json;

use crate::sandbox::{Job, function};

/// Longest that an answer takes.
const ANSWERED_IN: std::time::Duration = std::time::Duration::from_secs(5);

/// Calls that the main job cannot do without, with the error that names them.
const NEEDED: [(&str, &str); 0] = [];

#[test]
fn each_unknown_call_denied_alone() {
    let Some(job) = Job::new(Mode::NativeF1) else {
        return;
    };
    let unknown = table()
        .into_iter()
        .filter(|call| call.certainty == Certainty::Unknown);
    let mut needed = Vec::new();
    for call in unknown {
        for answer in ["EPERM", "ENOSYS"] {
            let denied = format!("{}={answer}", call.name);
            let mut lambda = Lambda::start_with(&job.sandbox, |launch| {
                launch.confinement(|confinement| confinement.deny(&denied))
            });
            let outcome = job.run(&mut lambda, call.name);
            lambda.stop();
            job.sandbox.expect_clean();
            needed.extend(outcome.err().map(|said| (call.name, said)));
        }
    }
    assert_eq!(needed.len(), NEEDED.len(), "{needed:#?}");
    for ((name, said), (known, error)) in needed.iter().zip(NEEDED) {
        assert!(*name == known && said.contains(error), "{name}: {said}");
    }
}

#[test]
fn a_call_that_nothing_can_be_started_without_is_named() {
    for call in table() {
        if call.certainty != Certainty::Works {
            continue;
        }
        for answer in ["EPERM", "ENOSYS"] {
            let Some(sandbox) = function("echo on") else {
                return;
            };
            let denied = format!("{}={answer}", call.name);
            let lambda = Lambda::start_with(&sandbox, |launch| {
                launch.confinement(|confinement| confinement.deny(&denied))
            });
            let id = lambda.send(&json!({}));
            let reply = lambda.api().reply(&id, ANSWERED_IN);
            let said = reply.map(|reply| String::from_utf8_lossy(&reply.body).into_owned());
            // A runtime that cannot wait for events says that in its log.
            let run = lambda.end();
            let log = format!("{}{}", run.stdout(), run.stderr());
            let ran = log.contains("on\n") && said.is_some();
            let named = log.contains(call.name);
            assert!(ran || named, "{denied}: {said:?} {log}");
            assert!(!log.contains("panicked"), "{denied}: {log}");
            sandbox.expect_clean();
        }
    }
}
