//! Every source from its event to its answer: the samples of `examples/events`, what is planned for them, and what is
//! answered when all goes well and when a run fails.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use config::{FunctionConfig, OnFailure, Overrides};
use faas_supervisor::event::{Event, parse};
use faas_supervisor::invocation::report::Phases;
use faas_supervisor::invocation::{RecordReport, Report};
use faas_supervisor::plan::{Entry, InvocationContext, Plan, PlannedInput, RunPlan, plan};
use faas_supervisor::response::{Failure, FailureName, Outcome, Response, render};
use faas_supervisor::stage_out::UploadReport;
use serde_json::{Value, json};

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/events")
}

fn config() -> FunctionConfig {
    let text = std::fs::read_to_string(samples().join("function_config.yaml")).unwrap();
    FunctionConfig::parse(&text, &samples(), &Overrides::default()).unwrap()
}

fn planned(name: &str) -> (Event, Plan) {
    let payload = std::fs::read(samples().join(format!("{name}.json"))).unwrap();
    let (config, context) = (config(), InvocationContext::default());
    let event = parse(&payload.into(), &config).unwrap();
    let plan = plan(&event, &config, &context).unwrap();
    (event, plan)
}

/// One run in a line: what, from where, its file, its entry if that is not the configured script, its parameters.
fn line(run: &RunPlan) -> String {
    let input = match &run.input {
        PlannedInput::None => "no input".to_owned(),
        PlannedInput::Object { object, file_name } => {
            let version = object.version_id.as_deref().unwrap_or("latest");
            format!("{} {version} -> {file_name}", object.provider)
        }
        PlannedInput::Payload { bytes, file_name } => {
            format!("{:?} -> {file_name}", String::from_utf8_lossy(bytes))
        }
    };
    let entry = match &run.entry {
        Entry::InitScript(_) => String::new(),
        Entry::Script(script) => format!("; script {:?}", String::from_utf8_lossy(script)),
        other => format!("; {other:?}"),
    };
    let parameters = run
        .variables
        .iter()
        .filter(|variable| variable.name.starts_with("CONT_VAR_"))
        .map(|variable| format!("; {}={}", variable.name, variable.value));
    format!(
        "{}: {input}{entry}{}",
        run.label,
        parameters.collect::<String>()
    )
}

/// What is answered when the runs end like this; runs beyond the list succeed.
fn answer(event: &Event, plan: &Plan, outcomes: &[Outcome]) -> Response {
    let mut report = Report::new(event.source.clone(), event.skipped.clone());
    report.items = event.items.iter().map(|item| item.id.clone()).collect();
    for (index, item) in event.items.iter().enumerate() {
        if let Some(error) = &item.rejected {
            let failure = Failure {
                name: FailureName::EventInvalid,
                message: error.to_string(),
            };
            report.add(RecordReport::rejected(&item.id, index, failure));
        }
    }
    for (index, run) in plan.runs.iter().enumerate() {
        report.add(RecordReport {
            label: run.label.clone(),
            item: run.item,
            outcome: outcomes
                .get(index)
                .cloned()
                .unwrap_or(Outcome::Exited { code: 0 }),
            log: b"log\n".to_vec(),
            bytes_in: 0,
            upload: UploadReport::default(),
            phases: Phases::default(),
        });
    }
    let (finished, source) = report.into_finished(InvocationContext::default(), None);
    render(&finished, &source, OnFailure::Error)
}

/// An answer in a line or a value: the shape, without what is the same in all.
fn shape(wire: Response) -> Value {
    match wire {
        Response::FunctionError { error_type, .. } => json!(error_type),
        Response::Payload(mut payload) => {
            if let Some(body) = payload["body"]
                .as_str()
                .map(|body| STANDARD.decode(body).unwrap())
            {
                payload["body"] = json!(String::from_utf8(body).unwrap());
                assert_eq!(payload["isBase64Encoded"], true);
                payload.as_object_mut().unwrap().remove("isBase64Encoded");
            }
            for headers in ["headers", "multiValueHeaders"] {
                if let Some(headers) = payload.get_mut(headers).and_then(Value::as_object_mut) {
                    headers.retain(|name, _| !name.starts_with("amz-"));
                }
            }
            payload
        }
    }
}

const TEXT: &str = "text/plain; charset=utf-8";
const BODY: &str = r#""a body�" -> event-file"#;

struct Golden {
    name: &'static str,
    source: &'static str,
    runs: Vec<String>,
    skipped: usize,
    /// All runs exit with 0.
    good: Value,
    /// The first run exits with 7.
    bad: Value,
}

fn http(status: u16, multi: bool, description: Option<&str>) -> Value {
    let value = |text: &str| if multi { json!([text]) } else { json!(text) };
    let mut headers = json!({"content-type": value(TEXT)});
    if status == 500 {
        headers["x-faas-exit-code"] = value("7");
    }
    let mut answer = json!({"statusCode": status, "body": "log\n"});
    answer[if multi {
        "multiValueHeaders"
    } else {
        "headers"
    }] = headers;
    if let Some(description) = description {
        answer["statusDescription"] = json!(description);
    }
    answer
}

fn payload(body: &str) -> Value {
    json!({"statusCode": 200, "headers": {}, "body": body})
}

fn task(id: &str, code: &str, text: &str) -> Value {
    json!({"taskId": id, "resultCode": code, "resultString": text})
}

fn operation(version: &str, id: &str, results: &[Value]) -> Value {
    json!({"invocationSchemaVersion": version, "treatMissingKeysAs": "PermanentFailure", "invocationId": id, "results": results})
}

fn failures(ids: &[&str]) -> Value {
    json!({"batchItemFailures": ids.iter().map(|id| json!({"itemIdentifier": id})).collect::<Vec<_>>()})
}

const FLOWER: &str = "s3://pictures/incoming/a flower.txt: s3.default latest -> a flower.txt";
const ONEDATA: &str =
    "onedata://pictures/incoming/a flower.txt: onedata.lab latest -> a flower.txt";
const DCACHE: &str =
    "webdav://pictures/incoming/a flower.txt: webdav.dcache latest -> a flower.txt";
const MINIO: &str = "s3://pictures/incoming/a flower.txt: minio.lab latest -> a flower.txt";

#[allow(clippy::too_many_lines, reason = "one table")]
fn table() -> Vec<Golden> {
    let row = |name, source, runs: &[&str], skipped, good, bad| Golden {
        name,
        source,
        runs: runs.iter().map(|run| (*run).to_owned()).collect(),
        skipped,
        good,
        bad,
    };
    let failed = || json!("ContainerFailed");
    let octets = format!("http: {BODY}; CONT_VAR_tag=a,b; CONT_VAR_width=20");
    let url: Value =
        serde_json::from_slice(&std::fs::read(samples().join("function-url.json")).unwrap())
            .unwrap();
    let script = format!(
        "http: {:?} -> event-file; script {:?}; CONT_VAR_tag=a,b; CONT_VAR_width=20",
        url["body"].as_str().unwrap(),
        "echo \"hello, width $CONT_VAR_width\"\n"
    );
    let direct = std::fs::read_to_string(samples().join("direct.json")).unwrap();
    let direct = format!("direct: {direct:?} -> event-file");
    let direct_failed =
        json!({"statusCode": 500, "headers": {"x-faas-exit-code": "7"}, "body": "log\n"});
    let invocation = "YXNkbGZqYWRmaiBhc2RmdW9hZHNmZGpmaGFzbGtkaGZza2RmaAo";
    let unreadable = task(
        "t-2",
        "PermanentFailure",
        "event field tasks[1].s3Key: \"incoming/%ff\" is not UTF-8 after form decoding",
    );
    vec![
        row("s3", "storage", &[FLOWER], 1, payload("log\n"), failed()),
        row("s3-test", "storage", &[], 1, payload(""), payload("")),
        row("minio", "storage", &[MINIO], 0, payload("log\n"), failed()),
        row(
            "onedata",
            "storage",
            &[ONEDATA],
            0,
            payload("log\n"),
            failed(),
        ),
        row(
            "dcache",
            "storage",
            &[DCACHE],
            0,
            payload("log\n"),
            failed(),
        ),
        row(
            "delegated",
            "storage",
            &[MINIO],
            0,
            payload("log\n"),
            failed(),
        ),
        row(
            "eventbridge",
            "notification",
            &[FLOWER],
            0,
            payload("log\n"),
            failed(),
        ),
        row(
            "eventbridge-deleted",
            "notification",
            &[],
            1,
            payload(""),
            payload(""),
        ),
        row(
            "sns",
            "notification",
            &[FLOWER],
            0,
            payload("log\n"),
            failed(),
        ),
        row(
            "sqs",
            "queue",
            &[
                FLOWER,
                "s3://pictures/incoming/a tree.txt: s3.default latest -> a tree.txt",
                "s3://pictures/incoming/a tree.txt: s3.default latest -> a tree.txt",
                FLOWER,
                r#"message m-4: "any text" -> event-file"#,
            ],
            0,
            failures(&["m-5"]),
            failures(&["m-1", "m-5"]),
        ),
        row(
            "batch-operations-1",
            "batch operation",
            &[FLOWER],
            0,
            operation(
                "1.0",
                invocation,
                &[task("dGFza2lkZ29lc2hlcmUK", "Succeeded", "log")],
            ),
            operation(
                "1.0",
                invocation,
                &[task(
                    "dGFza2lkZ29lc2hlcmUK",
                    "PermanentFailure",
                    "the container exited with code 7: log",
                )],
            ),
        ),
        row(
            "batch-operations-2",
            "batch operation",
            &[
                "s3://pictures/incoming/a flower.txt: s3.default 3/L4kqtJlcpXroDTDmJ+ -> a flower.txt",
            ],
            0,
            operation(
                "2.0",
                "aW52b2NhdGlvbg",
                &[task("t-1", "Succeeded", "log"), unreadable.clone()],
            ),
            operation(
                "2.0",
                "aW52b2NhdGlvbg",
                &[
                    task(
                        "t-1",
                        "PermanentFailure",
                        "the container exited with code 7: log",
                    ),
                    unreadable,
                ],
            ),
        ),
        row(
            "rest-v1",
            "HTTP (REST API, version 1.0)",
            &[&octets],
            0,
            http(200, false, None),
            http(500, false, None),
        ),
        row(
            "http-v2",
            "HTTP (version 2.0)",
            &[&octets],
            0,
            http(200, false, None),
            http(500, false, None),
        ),
        row(
            "function-url",
            "HTTP (version 2.0)",
            &[&script],
            0,
            http(200, false, None),
            http(500, false, None),
        ),
        row(
            "alb",
            "HTTP (load balancer)",
            &[r#"http: "a body" -> event-file; CONT_VAR_tag=a,b c; CONT_VAR_width=20"#],
            0,
            http(200, false, Some("200 OK")),
            http(500, false, Some("500 Internal Server Error")),
        ),
        row(
            "alb-multi-value",
            "HTTP (load balancer, multi-value headers)",
            &[r#"http: "a body" -> event-file; CONT_VAR_tag=a,b c; CONT_VAR_width=20"#],
            0,
            http(200, true, Some("200 OK")),
            http(500, true, Some("500 Internal Server Error")),
        ),
        row(
            "direct",
            "direct",
            &[&direct],
            0,
            payload("log\n"),
            direct_failed,
        ),
    ]
}

#[test]
fn every_sample_becomes_its_plan_and_its_answer() {
    for Golden {
        name,
        source,
        runs,
        skipped,
        good,
        bad,
    } in table()
    {
        let (event, plan) = planned(name);
        assert_eq!(event.source.to_string(), source, "{name}");
        let lines: Vec<_> = plan.runs.iter().map(line).collect();
        assert_eq!(lines, runs, "{name}");
        assert_eq!(event.skipped.len(), skipped, "{name}: {:?}", event.skipped);
        assert_eq!(shape(answer(&event, &plan, &[])), good, "{name}");
        let exit = [Outcome::Exited { code: 7 }];
        assert_eq!(shape(answer(&event, &plan, &exit)), bad, "{name}");
    }
}

#[test]
fn every_sample_is_in_the_table() {
    let mut samples: Vec<_> = std::fs::read_dir(samples())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".json").map(str::to_owned))
        .collect();
    let mut names: Vec<_> = table().iter().map(|row| row.name.to_owned()).collect();
    samples.sort();
    names.sort();
    assert_eq!(samples, names);
}

/// Every end of a message, as a queue and a batch operation are told of it.
#[test]
fn each_item_is_answered_by_its_worst_record() {
    let (event, plan) = planned("sqs");
    let ok = || Outcome::Exited { code: 0 };
    let killed = Outcome::Killed { signal: 9 };
    let delegated = Outcome::Delegated {
        job_id: "4b1f".to_owned(),
    };
    let failed = |name| {
        Outcome::Failed(Failure {
            name,
            message: "why".to_owned(),
        })
    };
    // Runs 0 and 1 are message 1, then one run for each of 2, 3, 4; message 5 is malformed.
    for (outcomes, ids) in [
        (vec![ok(), Outcome::TimedOut], &["m-1", "m-5"][..]),
        (
            vec![
                ok(),
                ok(),
                killed.clone(),
                ok(),
                failed(FailureName::StageInFailed),
            ],
            &["m-2", "m-4", "m-5"],
        ),
        (
            vec![ok(), delegated.clone(), delegated.clone(), ok(), ok()],
            &["m-5"],
        ),
        (
            vec![ok(), ok(), ok(), Outcome::TimedOut, Outcome::TimedOut],
            &["m-3", "m-4", "m-5"],
        ),
    ] {
        assert_eq!(shape(answer(&event, &plan, &outcomes)), failures(ids));
    }
    let (event, plan) = planned("batch-operations-1");
    for (outcome, code) in [
        (Outcome::TimedOut, "TemporaryFailure"),
        (killed, "PermanentFailure"),
        (failed(FailureName::StageInFailed), "TemporaryFailure"),
        (failed(FailureName::StageOutFailed), "TemporaryFailure"),
        (failed(FailureName::ConfigInvalid), "PermanentFailure"),
        (delegated.clone(), "Succeeded"),
    ] {
        let answer = shape(answer(&event, &plan, &[outcome]));
        assert_eq!(answer["results"][0]["resultCode"], code);
    }
}

#[test]
fn what_fails_before_the_first_item_is_sent_again_as_a_whole() {
    for name in ["sqs", "batch-operations-2"] {
        let (event, _) = planned(name);
        let failure = Failure {
            name: FailureName::ConfigInvalid,
            message: "why".to_owned(),
        };
        let report = Report::failed(event.source, failure);
        let (finished, source) = report.into_finished(InvocationContext::default(), None);
        for on_failure in [OnFailure::Error, OnFailure::Respond] {
            let wire = render(&finished, &source, on_failure);
            assert_eq!(shape(wire), json!("ConfigInvalid"), "{name}");
        }
    }
}
