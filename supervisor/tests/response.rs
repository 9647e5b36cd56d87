//! Responses: the table of outcome and source, exit codes, and the limit on a payload's size.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use config::OnFailure;
use container::exec::log::cut_marker;
use faas_supervisor::event::{HeaderForm, HttpApi, Source};
use faas_supervisor::response::{
    ALB_PAYLOAD_LIMIT, ERROR_LOG_LIMIT, Failure, FailureName, Files, Finished, Outcome,
    PAYLOAD_LIMIT, Response, body_limit, exit_code, log_limit, render, shorten, worst,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn failed() -> Outcome {
    Outcome::Failed(Failure {
        name: FailureName::StageInFailed,
        message: "downloading s3://b/k: no such key".to_owned(),
    })
}

fn finished(outcome: Outcome, log: &[u8]) -> Finished {
    Finished {
        outcome,
        log: log.to_vec(),
        request_id: "r".to_owned(),
        log_group: "g".to_owned(),
        log_stream: "s".to_owned(),
        jobs: Vec::new(),
        time_limit: Some(Duration::from_secs(290)),
        items: Vec::new(),
        files: None,
        destinations: Vec::new(),
    }
}

fn payload(wire: Response) -> Value {
    let Response::Payload(payload) = wire else {
        panic!("not a payload: {wire:?}")
    };
    payload
}

fn body(payload: &Value) -> Vec<u8> {
    STANDARD.decode(payload["body"].as_str().unwrap()).unwrap()
}

const OUTCOMES: [fn() -> Outcome; 5] = [
    || Outcome::Exited { code: 0 },
    || Outcome::Exited { code: 7 },
    || Outcome::Killed { signal: 11 },
    || Outcome::TimedOut,
    failed,
];

#[test]
fn the_payload_has_the_shape_clients_know() {
    let wire = render(
        &finished(Outcome::Exited { code: 0 }, b"hello"),
        &Source::Direct,
        OnFailure::Error,
    );
    let expected = json!({
        "statusCode": 200,
        "headers": {"amz-lambda-request-id": "r", "amz-log-group-name": "g", "amz-log-stream-name": "s"},
        "body": "aGVsbG8=",
        "isBase64Encoded": true,
    });
    assert_eq!(wire, Response::Payload(expected));
}

#[test]
fn direct_invocations_always_get_a_payload() {
    let exception = br#"{"exception":"StageInFailed: downloading s3://b/k: no such key"}"#;
    let log = b"log\xff".as_slice();
    for (outcome, (status, body_expected)) in OUTCOMES.iter().zip([
        (200, log),
        (500, log),
        (500, log),
        (504, log),
        (500, exception),
    ]) {
        for on_failure in [OnFailure::Error, OnFailure::Respond] {
            let payload = payload(render(
                &finished(outcome(), log),
                &Source::Direct,
                on_failure,
            ));
            assert_eq!(payload["statusCode"], status, "{:?}", outcome());
            assert_eq!(body(&payload), body_expected, "{:?}", outcome());
            let code = (outcome() == Outcome::Exited { code: 7 }).then(|| json!("7"));
            assert_eq!(payload["headers"].get("x-faas-exit-code"), code.as_ref());
        }
    }
}

#[test]
fn failures_of_storage_sources_are_function_errors() {
    let names = [
        "",
        "ContainerFailed",
        "ContainerKilled",
        "ContainerTimedOut",
        "StageInFailed",
    ];
    let says = [
        "",
        "exited with code 7",
        "killed by signal 11",
        "time limit of 290.0 s",
        "s3://b/k: no such key",
    ];
    for ((outcome, name), says) in OUTCOMES.iter().zip(names).zip(says) {
        let finished = finished(outcome(), b"the log");
        match render(&finished, &Source::Storage, OnFailure::Error) {
            Response::Payload(payload) => {
                assert_eq!((name, &payload["statusCode"]), ("", &json!(200)));
            }
            Response::FunctionError {
                error_type,
                message,
            } => {
                assert_eq!(error_type, name);
                assert!(
                    message.contains(says) && message.ends_with("the log"),
                    "{message}"
                );
            }
        }
        let responded = render(&finished, &Source::Storage, OnFailure::Respond);
        assert_eq!(
            responded,
            render(&finished, &Source::Direct, OnFailure::Error)
        );
    }
}

#[test]
fn a_function_error_carries_the_end_of_the_log() {
    let log = ["é".repeat(9000), "\nlast words".to_owned()].concat();
    let wire = render(
        &finished(Outcome::Exited { code: 1 }, log.as_bytes()),
        &Source::Storage,
        OnFailure::Error,
    );
    let Response::FunctionError { message, .. } = wire else {
        panic!("{wire:?}")
    };
    assert!(
        message.starts_with("the container exited with code 1; the end of its output:\né"),
        "{message}"
    );
    assert!(message.ends_with("last words") && message.len() < ERROR_LOG_LIMIT + 100);
    let silent = render(
        &finished(Outcome::TimedOut, b""),
        &Source::Storage,
        OnFailure::Error,
    );
    let Response::FunctionError { message, .. } = silent else {
        panic!("{silent:?}")
    };
    assert_eq!(
        message,
        "the container was stopped at its time limit of 290.0 s"
    );
}

#[test]
fn exit_codes_of_jobs() {
    let codes: Vec<_> = OUTCOMES
        .iter()
        .map(|outcome| exit_code(&outcome()))
        .collect();
    assert_eq!(codes, [0, 7, 139, 124, 1]);
}

#[test]
fn the_worst_outcome_speaks_for_all() {
    let exited = |code| Outcome::Exited { code };
    assert_eq!(worst(vec![]), exited(0));
    assert_eq!(worst(vec![exited(0), exited(3), exited(4)]), exited(3));
    assert_eq!(
        worst(vec![
            exited(3),
            Outcome::Killed { signal: 9 },
            Outcome::Killed { signal: 6 }
        ]),
        Outcome::Killed { signal: 9 }
    );
    assert_eq!(
        worst(vec![
            Outcome::Killed { signal: 9 },
            Outcome::TimedOut,
            exited(1)
        ]),
        Outcome::TimedOut
    );
    assert_eq!(
        worst(vec![Outcome::TimedOut, failed(), exited(0)]),
        failed()
    );
}

#[test]
fn no_payload_passes_the_limit() {
    let mut log = vec![b'\x01'; PAYLOAD_LIMIT * 2];
    log[..5].copy_from_slice(b"first");
    log.extend_from_slice(b"last");
    for outcome in OUTCOMES {
        let mut finished = finished(outcome(), &log);
        finished.request_id = "\u{1}".repeat(100_000);
        if let Outcome::Failed(failure) = &mut finished.outcome {
            failure.message = "\u{1}".repeat(PAYLOAD_LIMIT * 2);
        }
        let payload = payload(render(&finished, &Source::Direct, OnFailure::Error));
        assert!(
            payload.to_string().len() <= PAYLOAD_LIMIT,
            "{:?}",
            outcome()
        );
        if !matches!(finished.outcome, Outcome::Failed(_)) {
            let body = body(&payload);
            assert!(body.starts_with(b"first") && body.ends_with(b"last"));
            let kept = body.len() - cut_marker(1).len();
            assert!(kept > log_limit() - 100, "{kept} of {}", log_limit());
        }
    }
}

fn alb() -> Source {
    Source::Http(HttpApi::Alb(HeaderForm::Single))
}

fn rest() -> Source {
    Source::Http(HttpApi::RestV1)
}

#[test]
fn files_are_the_answer_of_a_run_that_went_well() {
    let one = Files::One {
        content_type: "image/png".to_owned(),
        bytes: b"\x89PNG".to_vec(),
    };
    for (files, content_type, bytes) in [
        (one.clone(), "image/png", b"\x89PNG".as_slice()),
        (Files::Archive(b"PK".to_vec()), "application/zip", b"PK"),
    ] {
        for source in [Source::Direct, rest(), alb()] {
            let mut finished = finished(Outcome::Exited { code: 0 }, b"log");
            finished.files = Some(files.clone());
            let answer = payload(render(&finished, &source, OnFailure::Error));
            assert_eq!(answer["statusCode"], 200);
            assert_eq!(answer["headers"]["content-type"], content_type, "{source}");
            assert_eq!(body(&answer), bytes);
        }
    }
    for outcome in OUTCOMES.iter().skip(1) {
        let mut finished = finished(outcome(), b"log");
        finished.files = Some(one.clone());
        let answer = payload(render(&finished, &rest(), OnFailure::Error));
        assert_ne!(answer["headers"]["content-type"], "image/png");
    }
}

#[test]
fn files_that_do_not_fit_are_accounted_for() {
    let limit = body_limit(&alb());
    assert!(limit < body_limit(&rest()));
    let mut finished = finished(Outcome::Exited { code: 0 }, b"log");
    finished.destinations = (0..250).map(|n| format!("s3://b/{n}")).collect();
    for (files, count, bytes) in [
        (
            Files::TooLarge {
                files: 3,
                bytes: 9_000_000,
            },
            json!(3),
            9_000_000,
        ),
        (Files::Archive(vec![0; limit + 1]), json!(null), limit + 1),
    ] {
        finished.files = Some(files);
        let answer = payload(render(&finished, &alb(), OnFailure::Error));
        assert_eq!(answer["statusCode"], 413);
        assert_eq!(answer["statusDescription"], "413 Content Too Large");
        assert_eq!(answer["headers"]["content-type"], "application/json");
        let body: Value = serde_json::from_slice(&body(&answer)).unwrap();
        assert_eq!((&body["files"], &body["bytes"]), (&count, &json!(bytes)));
        assert_eq!(body["limit"], limit);
        assert_eq!(
            (&body["outputs"][0], &body["moreOutputs"]),
            (&json!("s3://b/0"), &json!(150))
        );
    }
    finished.files = Some(Files::One {
        content_type: "x/y".to_owned(),
        bytes: vec![0; limit],
    });
    let answer = payload(render(&finished, &alb(), OnFailure::Error));
    assert_eq!(answer["statusCode"], 200);
    assert!(answer.to_string().len() <= ALB_PAYLOAD_LIMIT);
}

#[test]
fn a_load_balancer_takes_less() {
    let log = vec![b'\x01'; PAYLOAD_LIMIT];
    for outcome in OUTCOMES {
        let answer = payload(render(&finished(outcome(), &log), &alb(), OnFailure::Error));
        assert!(
            answer.to_string().len() <= ALB_PAYLOAD_LIMIT,
            "{:?}",
            outcome()
        );
    }
}

#[test]
fn a_log_that_fits_is_untouched() {
    let log = vec![b'x'; log_limit()];
    let whole = payload(render(
        &finished(Outcome::TimedOut, &log),
        &Source::Direct,
        OnFailure::Error,
    ));
    assert_eq!(body(&whole).len(), log_limit());
    assert!(whole.to_string().len() <= PAYLOAD_LIMIT);
}

proptest! {
    #[test]
    fn shortening_keeps_head_and_tail_and_counts_the_rest(
        log in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..400),
            "[aé日𝄞]{0,150}".prop_map(String::into_bytes),
        ],
        limit in 0usize..300,
    ) {
        let short = shorten(&log, limit);
        prop_assert!(short.len() <= limit.max(log.len().min(limit)));
        let text = String::from_utf8_lossy(&short).into_owned();
        if log.len() <= limit {
            prop_assert_eq!(&*short, &log[..]);
        } else if let Some((head, rest)) = text.split_once("\n[... ") {
            if std::str::from_utf8(&log).is_ok() {
                let (count, tail) = rest.split_once(" bytes of output cut here ...]\n").unwrap();
                prop_assert!(log.starts_with(head.as_bytes()) && log.ends_with(tail.as_bytes()));
                prop_assert_eq!(count.parse::<usize>().unwrap(), log.len() - head.len() - tail.len());
                prop_assert!(!text.contains(char::REPLACEMENT_CHARACTER));
            }
        } else {
            prop_assert!(log.ends_with(&short));
        }
    }
}

#[test]
fn a_delegated_record_is_no_failure_and_names_its_job() {
    let delegated = || Outcome::Delegated {
        job_id: "4b1f".to_owned(),
    };
    let mut finished = finished(delegated(), b"[delegated]\n");
    finished.jobs = vec!["4b1f".to_owned(), "5c2a".to_owned()];
    let api = Source::Http(HttpApi::RestV1);
    for source in [Source::Storage, Source::Notification, Source::Direct, api] {
        let payload = payload(render(&finished, &source, OnFailure::Error));
        assert_eq!(payload["statusCode"], 202, "{source}");
        assert_eq!(body(&payload), b"[delegated]\n");
        assert_eq!(payload["headers"]["x-faas-batch-job-id"], "4b1f, 5c2a");
    }
    assert_eq!(exit_code(&delegated()), 0);
    let exited = |code| Outcome::Exited { code };
    assert_eq!(worst(vec![exited(0), delegated()]), delegated());
    assert_eq!(worst(vec![delegated(), exited(3)]), exited(3));
}
