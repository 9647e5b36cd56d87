//! Every sample event, end to end behind both emulators of the Runtime API: ours, which is strict, and cargo-lambda's, which
//! is somebody else's reading of the protocol. What comes back must be the same.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use e2e::{CargoLambda, DiskS3, Lambda, Mode, Sandbox, root};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

/// Kinds of answer, by what they are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Status, headers and a log.
    Payload,
    /// The same for a load balancer that sent lists of headers.
    MultiValue,
    /// The messages to deliver again.
    Queue(&'static [&'static str]),
    /// A result for each task.
    Operations(usize),
}

/// How each kind of event is answered; every sample has its line.
fn shape(name: &str) -> Shape {
    match name {
        "alb-multi-value" => Shape::MultiValue,
        "sqs" => Shape::Queue(&["m-5"]),
        "batch-operations-1" => Shape::Operations(1),
        "batch-operations-2" => Shape::Operations(2),
        _ => Shape::Payload,
    }
}

/// A function that runs the samples' script in its own image, with the samples' buckets on a server that speaks S3.
fn function() -> Option<(Sandbox, DiskS3)> {
    let mut sandbox = Sandbox::on_lambda(Mode::F1)?;
    let examples = root().join("examples/events");
    copy(&examples.join("buckets"), &sandbox.path("buckets"));
    let s3 = DiskS3::start(&sandbox.path("buckets"));
    s3.bucket("results");
    sandbox.use_aws(&s3.url(), DiskS3::ACCESS_KEY, DiskS3::SECRET_KEY);
    let lab = json!({
        "endpoint": s3.url(), "access_key": DiskS3::ACCESS_KEY, "secret_key": DiskS3::SECRET_KEY,
    });
    sandbox.image_function(
        &fs::read_to_string(examples.join("look.sh")).unwrap(),
        &json!({
            "output": [{ "storage_provider": "s3", "path": "results" }],
            "storage_providers": { "minio": { "lab": lab } },
        }),
    );
    Some((sandbox, s3))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// The samples that stores of the S3 kind can serve, by name.
fn samples() -> Vec<(String, Value)> {
    let mut samples = Vec::new();
    for entry in fs::read_dir(root().join("examples/events"))
        .unwrap()
        .flatten()
    {
        let name = entry.file_name().into_string().unwrap();
        if let Some(name) = name.strip_suffix(".json") {
            let text = fs::read_to_string(entry.path()).unwrap();
            samples.push((name.to_owned(), serde_json::from_str(&text).unwrap()));
        }
    }
    samples.retain(|(name, _)| !["onedata", "dcache"].contains(&name.as_str()));
    samples.sort_by(|a, b| a.0.cmp(&b.0));
    samples
}

fn check(name: &str, answer: &Value) {
    match shape(name) {
        Shape::Payload | Shape::MultiValue => {
            assert_eq!(answer["statusCode"], 200, "{name}: {answer}");
            assert_eq!(answer["isBase64Encoded"], true, "{name}");
            let list = shape(name) == Shape::MultiValue;
            assert_eq!(answer.get("multiValueHeaders").is_some(), list, "{name}");
            assert_eq!(answer.get("headers").is_some(), !list, "{name}");
            let body = STANDARD.decode(answer["body"].as_str().unwrap()).unwrap();
            let idle = ["s3-test", "eventbridge-deleted"].contains(&name);
            assert_eq!(body.is_empty(), idle, "{name}");
        }
        Shape::Queue(failed) => {
            let ids = answer["batchItemFailures"].as_array().unwrap();
            let ids: Vec<_> = ids.iter().map(|item| &item["itemIdentifier"]).collect();
            assert_eq!(ids, failed, "{name}: {answer}");
        }
        Shape::Operations(tasks) => {
            assert_eq!(
                answer["results"].as_array().unwrap().len(),
                tasks,
                "{answer}"
            );
            assert_eq!(answer["results"][0]["resultCode"], "Succeeded", "{answer}");
        }
    }
}

/// The answer without what is an invocation's own.
fn comparable(mut answer: Value) -> Value {
    for headers in ["headers", "multiValueHeaders"] {
        if let Some(headers) = answer.get_mut(headers).and_then(Value::as_object_mut) {
            for own in [
                "amz-lambda-request-id",
                "amz-log-group-name",
                "amz-log-stream-name",
            ] {
                assert!(headers.remove(own).is_some(), "no {own}");
            }
        }
    }
    answer
}

#[test]
fn every_sample_gets_the_same_answer_behind_both() {
    let Some((sandbox, _s3)) = function() else {
        return;
    };
    let samples = samples();
    assert!(samples.len() >= 15, "only {} samples", samples.len());
    let image = ("AWS_EXECUTION_ENV", "AWS_Lambda_Image");
    let mut lambda = Lambda::start_with(&sandbox, |launch| launch.env(image.0, image.1));
    let ours: Vec<Value> = samples
        .iter()
        .map(|(_, event)| lambda.invoke(event).payload())
        .collect();
    lambda.stop();
    let emulator = CargoLambda::start(&sandbox.path("home"));
    let running = emulator.launch(&sandbox).env(image.0, image.1).start();
    for ((name, event), ours) in samples.iter().zip(ours) {
        check(name, &ours);
        let (http, theirs) = emulator.invoke(event);
        assert_eq!(http, 200, "{name}: {theirs}");
        assert_eq!(comparable(theirs), comparable(ours), "{name}");
    }
    running.signal(Signal::SIGTERM);
    running.wait();
}
