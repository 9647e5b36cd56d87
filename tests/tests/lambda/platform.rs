//! What the Lambda platform does beside sending events: wrappers, shutdown, concurrency, logs and metrics.

use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use e2e::{Finished, Lambda, Launch, Mode, Moto, Sandbox, root, s3_event, tool, wait_until_gone};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

/// The X-Ray header that the emulator sends.
const TRACE: &str = "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1";

/// The lines of a log that are JSON objects.
fn json_lines(text: &str) -> Vec<Value> {
    let lines = text.lines().map(serde_json::from_str);
    lines.filter_map(Result::ok).collect()
}

/// The metrics that a run wrote.
fn metrics(run: &Finished) -> Vec<Value> {
    let mut lines = json_lines(&run.stdout());
    lines.retain(|line| line.get("_aws").is_some());
    lines
}

#[test]
fn a_managed_python_runtime_is_replaced_by_its_wrapper() {
    let Some(sandbox) = Sandbox::on_lambda(Mode::F1) else {
        return;
    };
    sandbox.function("echo \"here runs $0\" | sed 's,/.*/,,'", &json!({}));
    sandbox.write(
        "app.py",
        "def handler(event, context):\n    return 'python'\n",
    );
    let python: Vec<OsString> = vec![
        tool("python").into(),
        "-m".into(),
        "awslambdaric".into(),
        "app.handler".into(),
    ];
    // As the platform starts the runtime without a wrapper: the real client answers.
    let mut lambda = Lambda::start_with(&sandbox, |launch| launch.through(python.clone()));
    assert_eq!(lambda.invoke(&json!({})).payload(), json!("python"));
    lambda.process().signal(Signal::SIGKILL);
    drop(lambda);
    // With AWS_LAMBDA_EXEC_WRAPPER its command line becomes the wrapper's arguments.
    let wrapper: Vec<OsString> = [vec!["/opt/exec-wrapper".into()], python].concat();
    let source = root().join("layer-build/layer/exec-wrapper");
    let mut lambda = Lambda::start_with(&sandbox, |launch| {
        launch
            .confinement(|it| it.bind(&source, Path::new("/opt/exec-wrapper")))
            .through(wrapper)
            .env("AWS_EXECUTION_ENV", "AWS_Lambda_python3.13")
    });
    let (status, log) = lambda.invoke(&json!({})).status_and_log();
    assert_eq!((status, log.as_str()), (200, "here runs script.sh\n"));
    lambda.stop();
    sandbox.expect_clean();
}

#[test]
fn shutdown_stops_a_running_container_in_time() {
    for mode in [Mode::F1, Mode::NativeF1] {
        let Some(sandbox) = Sandbox::on_lambda(mode) else {
            return;
        };
        sandbox.function(ENDLESS, &json!({}));
        expect_end_in_time(Lambda::start(&sandbox), &sandbox);
    }
}

#[test]
fn a_container_host_stops_a_running_container_in_time() {
    for mode in [Mode::F1, Mode::P1, Mode::NativeF1, Mode::NativeP1] {
        let sandbox = Sandbox::new(mode);
        sandbox.function(ENDLESS, &json!({}));
        let lambda = Lambda::start_unconfined(&sandbox, |launch| launch);
        expect_end_in_time(lambda, &sandbox);
    }
}

/// Goes on, in two sessions.
const ENDLESS: &str = "echo begun; setsid sleep 600 & sleep 600";

fn expect_end_in_time(mut lambda: Lambda, sandbox: &Sandbox) {
    lambda.api().queue(&json!({}), Duration::from_mins(1));
    lambda.process().wait_for_stdout("begun");
    let asked = Instant::now();
    lambda.stop();
    // The platform waits for 300 ms; the machine of a test may be busier.
    assert!(
        asked.elapsed() < Duration::from_secs(2),
        "{:?}",
        asked.elapsed()
    );
    // On a busy machine the shim may still be at it.
    let left = Duration::from_secs(2).saturating_sub(asked.elapsed());
    wait_until_gone(&sandbox.path(""), left);
    sandbox.expect_clean();
}

#[test]
fn every_line_names_the_request_and_the_trace() {
    let Some(sandbox) = Sandbox::on_lambda(Mode::F1) else {
        return;
    };
    sandbox.function("echo out; echo err >&2", &json!({ "log_level": "DEBUG" }));
    let mut lambda = Lambda::start_with(&sandbox, |launch| {
        launch.env("AWS_LAMBDA_LOG_FORMAT", "JSON")
    });
    let ids: Vec<String> = (0..2)
        .map(|_| lambda.invoke(&json!({})).request_id().to_owned())
        .collect();
    let run = lambda.stop();
    for text in [run.stdout(), run.stderr()] {
        let lines = json_lines(&text);
        assert_eq!(lines.len(), text.lines().count(), "not only JSON: {text}");
        // The first lines are about the configuration, before there is a request.
        let first = lines.iter().position(|line| line["requestId"] == ids[0]);
        for line in &lines[first.unwrap()..] {
            let id = line["requestId"]
                .as_str()
                .unwrap_or_else(|| panic!("{line}"));
            assert!(ids.iter().any(|known| known == id), "{line}");
            assert_eq!(line["xrayTraceId"], TRACE, "{line}");
        }
        for id in &ids {
            assert!(lines.iter().any(|line| line["requestId"] == *id));
        }
    }
}

#[test]
fn metrics_tell_time_bytes_and_outcome_of_each_phase() {
    let moto = Moto::shared();
    let (inbox, outbox) = (moto.bucket(), moto.bucket());
    moto.put(&inbox, "five", "12345");
    let Some(mut sandbox) = Sandbox::on_lambda(Mode::F1) else {
        return;
    };
    sandbox.use_aws(moto.url(), "AKIDEXAMPLE", "secret");
    let script = "case $STORAGE_OBJECT_KEY in five) printf 1234567 > \"$TMP_OUTPUT_DIR/seven\";; *) exit 3;; esac";
    sandbox.function(
        script,
        &json!({ "output": [{ "storage_provider": "s3", "path": outbox }] }),
    );
    let mut lambda = Lambda::start(&sandbox);
    lambda.invoke(&s3_event(&inbox, "five")).payload();
    lambda.invoke(&json!({})).payload();
    lambda
        .invoke(&s3_event(&inbox, "none"))
        .expect_error("StageInFailed");
    let lines = metrics(&lambda.stop());
    assert_eq!(lines.len(), 3, "{lines:#?}");
    let [good, failed, missing] = &lines[..] else {
        panic!()
    };
    assert_eq!(good["StageInBytes"], 5);
    assert_eq!(good["StageOutBytes"], 7);
    assert_eq!(
        (&good["Succeeded"], &good["Failed"]),
        (&json!(1), &json!(0))
    );
    assert!(good["PrepareTime"].as_f64() > failed["PrepareTime"].as_f64());
    assert!(good["RunTime"].as_f64() > Some(1.0));
    for (line, outcomes) in [
        (good, ["succeeded"; 4]),
        (failed, ["succeeded", "succeeded", "failed", "succeeded"]),
        (
            missing,
            ["succeeded", "failed", "not-reached", "not-reached"],
        ),
    ] {
        let names = [
            "PrepareOutcome",
            "StageInOutcome",
            "RunOutcome",
            "StageOutOutcome",
        ];
        assert_eq!(
            names.map(|name| &line[name]),
            outcomes.map(|outcome| json!(outcome)).each_ref()
        );
        // Every metric is declared, with its unit, and has a number.
        let declared = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(declared["Dimensions"], json!([["FunctionName"]]));
        assert_eq!(line["FunctionName"], "test-function");
        for metric in declared["Metrics"].as_array().unwrap() {
            let value = &line[metric["Name"].as_str().unwrap()];
            assert!(
                value.is_number() && metric["Unit"].is_string(),
                "{metric} {line}"
            );
        }
    }
    let mut quiet = Lambda::start_with(&sandbox, |launch| launch.env("FAAS_METRICS", "off"));
    quiet.invoke(&json!({})).payload();
    assert!(metrics(&quiet.stop()).is_empty());
}

/// Sixteen at once, fifty times: each has its own files, variables and image, whatever the others do.
#[test]
fn concurrent_invocations_do_not_see_each_other() {
    if let Some(sandbox) = Sandbox::on_lambda_with(Mode::F1, FOR_SIXTEEN) {
        run_at_once(&sandbox, 50, Lambda::start_for);
    }
}

/// In a container each, as no overlay is to be had.
#[test]
fn concurrent_invocations_without_udocker_do_not_see_each_other() {
    if let Some(sandbox) = Sandbox::on_lambda_with(Mode::NativeF1, FOR_SIXTEEN) {
        run_at_once(&sandbox, 20, Lambda::start_for);
    }
}

/// In one container, with an overlay each, on an instance that lets its containers mount.
#[test]
fn concurrent_invocations_with_overlays_do_not_see_each_other() {
    let sandbox = Sandbox::new(Mode::NativeF1);
    run_at_once(&sandbox, 20, Lambda::start_on_instance);
}

/// In a container each, where a user has switched overlays off.
#[test]
fn concurrent_invocations_without_overlays_do_not_see_each_other() {
    let mut sandbox = Sandbox::new(Mode::NativeF1);
    sandbox.set("FAAS_OVERLAY", "off");
    run_at_once(&sandbox, 20, Lambda::start_on_instance);
}

/// How many invocations go on at a time.
const AT_ONCE: usize = 16;
/// Bytes of `/tmp` for as many containers.
const FOR_SIXTEEN: u64 = 4 << 30;

type Change = fn(Launch) -> Launch;

fn run_at_once(sandbox: &Sandbox, rounds: usize, start: fn(usize, &Sandbox, Change) -> Lambda) {
    // What is left in the image's own directories, in shared names of files, and in the directories of the invocation.
    let script = "mine=$(cat \"$INPUT_FILE_PATH\")
        for dir in /etc /tmp \"$TMP_OUTPUT_DIR\" \"$TMP_INPUT_DIR\"; do echo \"$mine\" >> $dir/left; done
        echo \"$mine $REQUEST_ID\" > \"$TMP_OUTPUT_DIR/result\"
        for dir in /etc /tmp \"$TMP_OUTPUT_DIR\" \"$TMP_INPUT_DIR\"; do cat $dir/left; done
        cat \"$EVENT_FILE\"; rm /etc/left; cp \"$TMP_OUTPUT_DIR/result\" /etc/result; cat /etc/result";
    sandbox.function(script, &json!({ "container": { "timeout_threshold": 1 } }));
    let mut lambda = start(AT_ONCE, sandbox, |launch| {
        launch
            .env("AWS_LAMBDA_MAX_CONCURRENCY", AT_ONCE.to_string())
            .within(Duration::from_mins(10))
    });
    for round in 0..rounds {
        let events: Vec<Value> = (0..AT_ONCE)
            .map(|number| json!(format!("round {round} number {number}")))
            .collect();
        for (event, answer) in events.iter().zip(lambda.invoke_all(&events)) {
            let expected = format!(
                "{}{event}{event} {}\n",
                format!("{event}\n").repeat(4),
                answer.request_id()
            );
            let (status, log) = answer.status_and_log();
            assert_eq!((status, log), (200, expected));
        }
    }
    lambda.stop();
    sandbox.expect_clean();
}
