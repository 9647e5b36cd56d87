//! Which of the system calls that nobody knows about are needed.

use std::time::Instant;

use lambda_sandbox::calls::{Certainty, table};
use tests::{Lambda, Mode};

use crate::Job;

/// Calls that the main job cannot do without, with the error that names them.
const NEEDED: [(&str, &str); 0] = [];

#[test]
fn each_unknown_call_denied_alone() {
    let Some(job) = Job::new(Mode::NativeF1) else {
        return;
    };
    let began = Instant::now();
    let unknown = table()
        .into_iter()
        .filter(|call| call.certainty == Certainty::Unknown);
    for call in unknown {
        let mut lambda = Lambda::start_with(&job.sandbox, |launch| {
            launch.confinement(|confinement| confinement.deny(call.name))
        });
        let outcome = job.run(&mut lambda, call.name);
        lambda.stop();
        job.sandbox.expect_clean();
        match NEEDED.iter().find(|(name, _)| *name == call.name) {
            None => assert_eq!(outcome, Ok(()), "{} is needed", call.name),
            Some((name, error)) => {
                let said = outcome.expect_err("it is not needed any more");
                assert!(said.contains(error), "{name}: {said}");
            }
        }
    }
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
}
