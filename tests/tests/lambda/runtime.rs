//! The supervisor as a Lambda custom runtime.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use e2e::{CargoLambda, Lambda, Mode, Moto, Sandbox, s3_event};
use serde_json::{Value, json};

/// With udocker and without.
const MODES: [Mode; 2] = [Mode::F1, Mode::NativeF1];

#[test]
fn a_direct_invocation_answers_with_the_log() {
    for mode in MODES {
        let Some(sandbox) = Sandbox::on_lambda(mode) else {
            return;
        };
        sandbox.function(
            "echo to standard output; echo to standard error >&2; echo \"$REQUEST_ID\"",
            &json!({}),
        );
        let mut lambda = Lambda::start(&sandbox);
        let answer = lambda.invoke(&json!({ "some": "payload" }));
        let (status, log) = answer.status_and_log();
        assert_eq!(status, 200);
        assert_eq!(log.lines().count(), 3, "{log}");
        for line in [
            "to standard output",
            "to standard error",
            answer.request_id(),
        ] {
            assert!(
                log.lines().any(|logged| logged == line),
                "no {line:?} in {log:?}"
            );
        }
        let headers = &answer.payload()["headers"];
        assert_eq!(headers["amz-lambda-request-id"], answer.request_id());
        assert_eq!(headers["amz-log-group-name"], "/aws/lambda/test-function");
        assert_eq!(
            headers["amz-log-stream-name"],
            "2026/03/01/[$LATEST]0123456789abcdef"
        );
        let run = lambda.stop();
        // The platform's log has the container's lines too, as they were said.
        for line in ["to standard output", "to standard error"] {
            assert!(
                run.stdout().lines().any(|logged| logged == line),
                "no {line:?} in {}",
                run.stdout()
            );
        }
    }
}

#[test]
fn an_object_goes_through_and_a_warm_invocation_runs_one_udocker_command() {
    let moto = Moto::shared();
    let (inbox, outbox) = (moto.bucket(), moto.bucket());
    for mode in MODES {
        let Some(mut sandbox) = Sandbox::on_lambda(mode) else {
            return;
        };
        sandbox.use_aws(moto.url(), "AKIDEXAMPLE", "secret");
        sandbox.record_udocker();
        let output =
            json!([{ "storage_provider": "s3", "path": format!("{outbox}/{}", mode.name()) }]);
        sandbox.function("tr a-z A-Z < \"$INPUT_FILE_PATH\" > \"$TMP_OUTPUT_DIR/$(basename \"$INPUT_FILE_PATH\")\"", &json!({ "output": output }));
        let mut lambda = Lambda::start(&sandbox);
        let mut commands = 0;
        for turn in 0..3 {
            let key = format!("{turn}.txt");
            moto.put(&inbox, &key, format!("turn {turn}"));
            assert_eq!(
                lambda.invoke(&s3_event(&inbox, &key)).status_and_log().0,
                200
            );
            assert_eq!(
                moto.text(&outbox, &format!("{}/{key}", mode.name())),
                Some(format!("TURN {turn}"))
            );
            let now = sandbox.udocker_commands();
            if mode.engine() == "native" {
                assert!(now.is_empty(), "{now:#?}");
            } else if turn > 0 {
                assert_eq!(now.len(), commands + 1, "{now:#?}");
                assert!(
                    now.last().unwrap().split(' ').any(|word| word == "run"),
                    "{now:#?}"
                );
            }
            commands = now.len();
        }
        lambda.stop();
    }
}

/// Looks for what another invocation left, and leaves something.
const LEAVE: &str = "ls -A \"$TMP_INPUT_DIR\" \"$TMP_OUTPUT_DIR\" | grep -c left-by; env | grep -c '^LEFT_BY'; ls /proc 2>/dev/null | grep -c '^[0-9]' >/dev/null
            echo \"key:$STORAGE_OBJECT_KEY\"; echo \"$TMP_OUTPUT_DIR\"
            echo x > \"$TMP_OUTPUT_DIR/left-by-$$\"; echo x > \"$TMP_INPUT_DIR/left-by-$$\"; export LEFT_BY=me
            setsid sleep 300 >/dev/null 2>&1 & :";

#[test]
fn warm_invocations_do_not_see_each_other() {
    for mode in MODES {
        let Some(mut sandbox) = Sandbox::on_lambda(mode) else {
            return;
        };
        prepare_to_leave(&mut sandbox);
        expect_nothing_left(Lambda::start(&sandbox), &sandbox);
    }
}

#[test]
fn warm_invocations_of_a_container_host_do_not_see_each_other() {
    // Not P1: under Debian's proot a program cannot list a directory.
    for mode in [Mode::R1, Mode::F1, Mode::NativeP1, Mode::NativeF1] {
        let mut sandbox = Sandbox::new(mode);
        prepare_to_leave(&mut sandbox);
        let lambda = Lambda::start_unconfined(&sandbox, |launch| launch);
        expect_nothing_left(lambda, &sandbox);
    }
}

fn prepare_to_leave(sandbox: &mut Sandbox) {
    sandbox.use_aws("http://127.0.0.1:1", "AKIDEXAMPLE", "secret");
    sandbox.function(LEAVE, &json!({ "output": [], "file_stage_in": false }));
}

fn expect_nothing_left(mut lambda: Lambda, sandbox: &Sandbox) {
    let (mut directories, mut kept_at_first) = (Vec::new(), None);
    for event in [
        s3_event("inbox", "first.txt"),
        json!({}),
        s3_event("inbox", "third.txt"),
    ] {
        let (status, log) = lambda.invoke(&event).status_and_log();
        assert_eq!(status, 200, "{log}");
        let lines: Vec<&str> = log.lines().collect();
        assert_eq!(
            lines[..2],
            ["0", "0"],
            "files or variables of another invocation: {log}"
        );
        let key = event["Records"][0]["s3"]["object"]["key"]
            .as_str()
            .unwrap_or_default();
        assert_eq!(lines[2], format!("key:{key}"));
        directories.push(lines[3].to_owned());
        // Nothing of the invocation is there between it and the next: the supervisor is alone. The last one's shim says
        // that nothing is left before it ends itself.
        let asked = Instant::now();
        loop {
            let left = lambda.others();
            if left.is_empty() {
                break;
            }
            assert!(asked.elapsed() < Duration::from_secs(2), "{left:#?}");
            std::thread::sleep(Duration::from_millis(5));
        }
        // What the process keeps for itself does not grow.
        let kept = sandbox.kept().len();
        assert_eq!(
            *kept_at_first.get_or_insert(kept),
            kept,
            "{:?}",
            sandbox.kept()
        );
        assert!(kept <= 1, "{:?}", sandbox.kept());
        let directory = Path::new(directories.last().unwrap());
        assert!(!sandbox.outside(directory).exists());
    }
    lambda.stop();
}

#[test]
fn each_outcome_has_its_wire_form_and_none_ends_the_runtime() {
    let moto = Moto::shared();
    let inbox = moto.bucket();
    for name in ["exit", "kill", "slow", "upload", "fine"] {
        moto.put(&inbox, name, name);
    }
    let Some(mut sandbox) = Sandbox::on_lambda(Mode::F1) else {
        return;
    };
    sandbox.use_aws(moto.url(), "AKIDEXAMPLE", "secret");
    let script = "echo \"log of $(cat \"$INPUT_FILE_PATH\")\"; case \"$(cat \"$INPUT_FILE_PATH\")\" in
        exit|*exit*) exit 7;; kill|*kill*) kill -9 $$;; slow|*slow*) sleep 300;; upload) echo x > \"$TMP_OUTPUT_DIR/lost.txt\";; esac";
    let output = json!([{ "storage_provider": "s3", "path": "no-such-bucket-anywhere" }]);
    sandbox.function(script, &json!({ "output": output }));
    let mut lambda = Lambda::start(&sandbox);
    // Storage source: function errors, with the log in the message.
    for (key, error) in [
        ("exit", "ContainerFailed"),
        ("kill", "ContainerKilled"),
        ("slow", "ContainerTimedOut"),
        ("upload", "StageOutFailed"),
        ("missing", "StageInFailed"),
    ] {
        let time = Duration::from_secs(if key == "slow" { 4 } else { 30 });
        let message = lambda
            .invoke_for(&s3_event(&inbox, key), time)
            .expect_error(error);
        let expected = match key {
            "upload" => "lost.txt".to_owned(),
            "missing" => format!("s3://{inbox}/missing"),
            _ => format!("log of {key}"),
        };
        assert!(message.contains(&expected), "{key}: {message}");
    }
    // Direct source: payloads.
    let (status, log) = lambda.invoke(&json!("exit")).status_and_log();
    assert_eq!(
        (status, log.contains("log of \"exit\"")),
        (500, true),
        "{log}"
    );
    let answer = lambda.invoke(&json!("exit"));
    assert_eq!(answer.payload()["headers"]["x-faas-exit-code"], "7");
    assert_eq!(lambda.invoke(&json!("kill")).status_and_log().0, 500);
    let (status, log) = lambda
        .invoke_for(&json!("slow"), Duration::from_secs(4))
        .status_and_log();
    assert_eq!(
        (status, log.contains("log of \"slow\"")),
        (504, true),
        "{log}"
    );
    assert_eq!(
        lambda.invoke(&s3_event(&inbox, "fine")).status_and_log().0,
        200
    );
    lambda.stop();
}

#[test]
fn on_failure_respond_turns_errors_into_payloads() {
    let moto = Moto::shared();
    let inbox = moto.bucket();
    moto.put(&inbox, "x", "x");
    let Some(mut sandbox) = Sandbox::on_lambda(Mode::F1) else {
        return;
    };
    sandbox.use_aws(moto.url(), "AKIDEXAMPLE", "secret");
    sandbox.function("echo the log; exit 3", &json!({ "on_failure": "respond" }));
    let mut lambda = Lambda::start(&sandbox);
    let (status, log) = lambda.invoke(&s3_event(&inbox, "x")).status_and_log();
    assert_eq!((status, log.as_str()), (500, "the log\n"));
    let payload = lambda.invoke(&s3_event(&inbox, "missing")).payload();
    assert_eq!(payload["statusCode"], 500);
    let body = payload["body"].as_str().unwrap();
    let body = STANDARD.decode(body).map_or_else(
        |_| body.to_owned(),
        |bytes| String::from_utf8(bytes).unwrap(),
    );
    assert!(
        body.contains("exception") && body.contains("missing"),
        "{body}"
    );
    lambda.stop();
}

#[test]
fn the_answer_to_a_timeout_comes_before_the_deadline_with_what_was_done() {
    let moto = Moto::shared();
    let outbox = moto.bucket();
    for mode in MODES {
        let Some(mut sandbox) = Sandbox::on_lambda(mode) else {
            return;
        };
        sandbox.use_aws(moto.url(), "AKIDEXAMPLE", "secret");
        let script = "trap '' TERM; echo so far; echo part > \"$TMP_OUTPUT_DIR/part-$$.txt\"; setsid sleep 300 & sleep 300; sleep 300";
        let output = json!([{ "storage_provider": "s3", "path": format!("{outbox}/{mode:?}") }]);
        sandbox.function(
            script,
            &json!({ "output": output, "container": { "timeout_threshold": 2 } }),
        );
        let mut lambda = Lambda::start(&sandbox);
        for turn in 1..=2 {
            let (start, limit) = (Instant::now(), Duration::from_secs(6));
            let (status, log) = lambda.invoke_for(&json!({}), limit).status_and_log();
            assert!(
                start.elapsed() < limit,
                "answered after {:?}",
                start.elapsed()
            );
            assert_eq!(status, 504);
            assert!(log.contains("so far"), "{log}");
            let arrived = moto
                .keys(&outbox)
                .into_iter()
                .filter(|key| key.starts_with(&format!("{mode:?}/")))
                .count();
            assert_eq!(arrived, turn);
        }
        lambda.stop();
    }
}

#[test]
fn an_image_that_cannot_be_had_is_a_function_error_and_is_tried_again() {
    let Some(sandbox) = Sandbox::on_lambda(Mode::F1) else {
        return;
    };
    sandbox.put("inbox", "x", "x");
    let archive = sandbox.path("work/late.tar");
    let inside = sandbox.inside("work/late.tar");
    sandbox.function(
        "echo here at last",
        &json!({ "container": { "image_file": inside }, "file_stage_in": false }),
    );
    fs::write(&archive, "no archive yet").unwrap();
    let mut lambda = Lambda::start(&sandbox);
    let message = lambda
        .invoke(&s3_event("inbox", "x"))
        .expect_error("ImageFailed");
    assert!(
        message.contains("late.tar") && message.contains("load"),
        "{message}"
    );
    fs::copy(sandbox.mode().image(), &archive).unwrap();
    let (status, log) = lambda.invoke(&s3_event("inbox", "x")).status_and_log();
    assert_eq!((status, log.as_str()), (200, "here at last\n"));
    lambda.stop();
}

#[test]
fn bad_configuration_is_an_error_that_names_it() {
    let Some(sandbox) = Sandbox::on_lambda(Mode::F1) else {
        return;
    };
    sandbox.function("echo never", &json!({ "timeout": "soon" }));
    let mut lambda = Lambda::start(&sandbox);
    let said = lambda.api().init_error(Duration::from_secs(10));
    let said: Value = serde_json::from_slice(&said.expect("a report")).unwrap();
    assert_eq!(said["errorType"], "ConfigInvalid");
    let message = said["errorMessage"].as_str().unwrap();
    assert!(
        message.contains("timeout") && message.contains("soon"),
        "{message}"
    );
    // The platform starts another when it is needed; this one polls no events.
    assert!(!lambda.api().polled(1, Duration::from_millis(200)));
    let ended = (0..50).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        !lambda.process().is_running()
    });
    assert!(ended, "the runtime goes on after its report");
}

#[test]
fn the_configuration_may_come_in_a_variable() {
    let Some(sandbox) = Sandbox::on_lambda(Mode::F1) else {
        return;
    };
    let path = sandbox.function("", &json!({ "init_script": null }));
    let text = STANDARD.encode(fs::read(&path).unwrap());
    fs::remove_file(path).unwrap();
    let mut lambda = Lambda::start_with(&sandbox, |launch| launch.env("FDL", text));
    let event = json!({ "script": STANDARD.encode("echo configured by a variable") });
    let (status, log) = lambda.invoke(&event).status_and_log();
    assert_eq!((status, log.as_str()), (200, "configured by a variable\n"));
    lambda.stop();
}

#[test]
fn the_platform_log_is_json_where_the_function_says_so() {
    let Some(sandbox) = Sandbox::on_lambda(Mode::F1) else {
        return;
    };
    sandbox.function("echo 'said \"so\"'; echo oops >&2", &json!({}));
    let mut lambda = Lambda::start_with(&sandbox, |launch| {
        launch.env("AWS_LAMBDA_LOG_FORMAT", "JSON")
    });
    let answer = lambda.invoke(&json!({}));
    let id = answer.request_id().to_owned();
    let run = lambda.stop();
    let lines: Vec<Value> = run
        .stdout()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect();
    for (message, stream) in [("said \"so\"", "stdout"), ("oops", "stderr")] {
        let line = lines
            .iter()
            .find(|line| line["message"] == message)
            .unwrap_or_else(|| panic!("no {message:?} in {lines:#?}"));
        assert_eq!(
            (&line["stream"], &line["requestId"]),
            (&json!(stream), &json!(id))
        );
        assert!(
            line["timestamp"].is_string() && line["level"].is_string(),
            "{line}"
        );
    }
}

#[test]
fn it_polls_at_once_and_ends_on_sigterm() {
    let Some(sandbox) = Sandbox::on_lambda(Mode::F1) else {
        return;
    };
    sandbox.function("echo hello", &json!({}));
    let lambda = Lambda::start(&sandbox);
    assert!(lambda.api().polled(1, Duration::from_secs(2)), "no poll");
    let run = lambda.stop();
    assert!(run.took < Duration::from_secs(4), "took {:?}", run.took);
    sandbox.expect_clean();
}

#[test]
fn cargo_lambdas_emulator_is_served_too() {
    let Some(sandbox) = Sandbox::on_lambda(Mode::F1) else {
        return;
    };
    let emulator = CargoLambda::start(&sandbox.path("home"));
    sandbox.function(
        "echo \"got $(cat \"$INPUT_FILE_PATH\")\"; [ \"$(cat \"$INPUT_FILE_PATH\")\" = 1 ]",
        &json!({}),
    );
    let running = emulator.launch(&sandbox).start();
    for (event, status) in [(1, 200), (2, 500), (1, 200)] {
        let (http, payload) = emulator.invoke(&json!(event));
        assert_eq!(
            (http, &payload["statusCode"]),
            (200, &json!(status)),
            "{payload}"
        );
        let log = STANDARD.decode(payload["body"].as_str().unwrap()).unwrap();
        assert_eq!(String::from_utf8(log).unwrap(), format!("got {event}\n"));
    }
    // An object that cannot be fetched is a function error.
    let (_, payload) = emulator.invoke(&s3_event("inbox", "missing"));
    assert_eq!(payload["errorType"], "StageInFailed", "{payload}");
    running.signal(nix::sys::signal::Signal::SIGTERM);
    running.wait();
}
