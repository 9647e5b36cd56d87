//! Which of the system calls that nobody knows about are needed.

use e2e::{Lambda, Mode};
use lambda_sandbox::calls::{Certainty, table};

use crate::sandbox::Job;

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
        let mut lambda = Lambda::start_with(&job.sandbox, |launch| {
            launch.confinement(|confinement| confinement.deny(call.name))
        });
        let outcome = job.run(&mut lambda, call.name);
        lambda.stop();
        job.sandbox.expect_clean();
        needed.extend(outcome.err().map(|said| (call.name, said)));
    }
    assert_eq!(needed.len(), NEEDED.len(), "{needed:#?}");
    for ((name, said), (known, error)) in needed.iter().zip(NEEDED) {
        assert!(*name == known && said.contains(error), "{name}: {said}");
    }
}
