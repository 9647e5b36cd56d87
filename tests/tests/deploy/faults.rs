//! AWS that is slow, refuses, or breaks off half-way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tests::{Deploy, Interceptor, Moto, texts};

use crate::files::{function_file, with_jobs};

#[test]
fn wherever_init_breaks_off_the_next_one_goes_on() {
    let user = Deploy::new();
    let name = user.name("broken");
    let file = with_jobs(&user, &name);
    for step in 0.. {
        let count = Arc::new(AtomicUsize::new(0));
        let interceptor = Interceptor::start(Moto::shared().url(), move |seen| {
            let number = seen
                .changes()
                .then(|| count.fetch_add(1, Ordering::Relaxed))?;
            // What fails stays so until the end: a crash tries nothing more.
            (number >= step).then_some((403, "AccessDeniedException", "refused by the test"))
        });
        let output = user.at(&interceptor.url(), &["init", "-f", &file]);
        let (_, stderr) = texts(&output);
        if output.status.success() {
            assert!(step > 10, "{step} steps");
            break;
        }
        assert!(
            stderr.contains("done before that: ") && stderr.contains("it goes on from there"),
            "step {step}: {stderr}"
        );
        user.run(&["init", "-f", &file]);
        assert_eq!(
            user.json(&["plan", "-f", &file])[0]["steps"],
            json!([]),
            "step {step}"
        );
        user.run(&["rm", "-f", &file]);
    }
}

#[test]
fn throttling_and_new_roles_are_waited_out() {
    let user = Deploy::new();
    let name = user.name("slow");
    let file = function_file(&user, &name, "");
    let (throttled, unknown) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let interceptor = Interceptor::start(Moto::shared().url(), move |seen| {
        if seen.path.contains("/layers/") && throttled.fetch_add(1, Ordering::Relaxed) < 2 {
            return Some((429, "TooManyRequestsException", "Rate exceeded"));
        }
        let creates = seen.method == "POST" && seen.path.ends_with("/functions");
        let new_role = "The role defined for the function cannot be assumed by Lambda.";
        (creates && unknown.fetch_add(1, Ordering::Relaxed) < 2).then_some((
            400,
            "InvalidParameterValueException",
            new_role,
        ))
    });
    let output = user.at(&interceptor.url(), &["init", "-f", &file]);
    assert!(output.status.success(), "{:?}", texts(&output));
    assert_eq!(user.json(&["plan", "-f", &file])[0]["steps"], json!([]));
}
