//! Image functions: the supervisor as the runtime inside the function's own image, without udocker.

use std::time::Duration;

use e2e::{DiskS3, Lambda, Launch, Mode, Sandbox, direct_script, s3_event};
use serde_json::json;

/// An execution environment of an image function; udocker is nowhere to be found.
fn start(sandbox: &Sandbox, change: impl FnOnce(Launch) -> Launch) -> Lambda {
    Lambda::start_with(sandbox, |launch| {
        let launch = launch
            .env("AWS_EXECUTION_ENV", "AWS_Lambda_Image")
            .env("UDOCKER_EXEC", "/nowhere/udocker")
            .env("LD_LIBRARY_PATH", "/the/images/own:/var/lang/lib");
        change(launch)
    })
}

#[test]
fn the_script_runs_in_the_functions_own_image() {
    let Some(sandbox) = Sandbox::on_lambda(Mode::F1) else {
        return;
    };
    sandbox.image_function(
        "echo \"init_script in $AWS_EXECUTION_ENV with $LD_LIBRARY_PATH\"; echo \"$REQUEST_ID $$\"",
        &json!({}),
    );
    let mut lambda = start(&sandbox, |launch| launch);
    let answer = lambda.invoke(&json!({ "some": "payload" }));
    let (status, log) = answer.status_and_log();
    assert_eq!(status, 200);
    assert!(
        log.starts_with("init_script in AWS_Lambda_Image with /the/images/own:/var/lang/lib\n"),
        "{log}"
    );
    assert!(log.contains(answer.request_id()), "{log}");
    // The event's own script comes first, and one invocation leaves nothing for the next.
    for n in 0..3 {
        let (status, log) = lambda
            .invoke(&direct_script(&format!("echo {n}; exit {n}")))
            .status_and_log();
        let expected = if n == 0 { 200 } else { 500 };
        assert_eq!((status, log), (expected, format!("{n}\n")));
    }
    lambda.stop();
    sandbox.expect_clean();
}

#[test]
fn the_deadline_holds_and_nothing_outlives_it() {
    let Some(sandbox) = Sandbox::on_lambda(Mode::F1) else {
        return;
    };
    sandbox.image_function("echo begun; setsid sleep 600 & sleep 600", &json!({}));
    let mut lambda = start(&sandbox, |launch| launch);
    let (status, log) = lambda
        .invoke_for(&json!({}), Duration::from_secs(4))
        .status_and_log();
    assert_eq!(status, 504);
    assert!(log.starts_with("begun\n"), "{log}");
    let left = lambda.namespace().of_containers();
    assert!(left.is_empty(), "{left:?}");
    // It serves on.
    let (status, log) = lambda.invoke(&direct_script("echo on")).status_and_log();
    assert_eq!((status, log.as_str()), (200, "on\n"));
    lambda.stop();
}

#[test]
fn objects_are_staged_and_failures_are_function_errors() {
    let Some(mut sandbox) = Sandbox::on_lambda(Mode::F1) else {
        return;
    };
    let s3 = DiskS3::start(&sandbox.path("buckets"));
    sandbox.use_aws(&s3.url(), DiskS3::ACCESS_KEY, DiskS3::SECRET_KEY);
    s3.put("inbox", "a.txt", b"words");
    s3.put("inbox", "bad.txt", b"words");
    sandbox.image_function("case $STORAGE_OBJECT_KEY in bad*) exit 3; esac; tr a-z A-Z < \"$INPUT_FILE_PATH\" > \"$TMP_OUTPUT_DIR/out\"",
        &json!({ "output": [{ "storage_provider": "s3", "path": "outbox" }] }),
    );
    let mut lambda = start(&sandbox, |launch| launch);
    let (status, _) = lambda.invoke(&s3_event("inbox", "a.txt")).status_and_log();
    assert_eq!(status, 200);
    assert_eq!(s3.get("outbox", "out").as_deref(), Some(&b"WORDS"[..]));
    lambda
        .invoke(&s3_event("inbox", "bad.txt"))
        .expect_error("ContainerFailed");
    lambda.stop();
}

#[test]
fn the_functions_credentials_can_be_withheld() {
    for (given, expected) in [
        (true, "AKIDEXAMPLE token us-east-1"),
        (false, "none none us-east-1"),
    ] {
        let Some(mut sandbox) = Sandbox::on_lambda(Mode::F1) else {
            return;
        };
        sandbox.use_aws("http://127.0.0.1:9", "AKIDEXAMPLE", "secret");
        sandbox.set("AWS_SESSION_TOKEN", "token");
        sandbox.image_function(
            "echo \"${AWS_ACCESS_KEY_ID-none} ${AWS_SESSION_TOKEN-none} ${AWS_REGION-none}\"; env",
            &json!({ "container": { "aws_credentials": given } }),
        );
        let mut lambda = start(&sandbox, |launch| launch);
        let (_, log) = lambda.invoke(&json!({})).status_and_log();
        assert_eq!(log.lines().next(), Some(expected), "{log}");
        assert_eq!(log.contains("AWS_SECRET_ACCESS_KEY=secret"), given, "{log}");
        lambda.stop();
    }
}

#[test]
fn the_images_command_is_named_after_two_dashes() {
    let Some(sandbox) = Sandbox::on_lambda(Mode::F1) else {
        return;
    };
    sandbox.image_function("", &json!({ "init_script": null }));
    let mut lambda = start(&sandbox, |launch| {
        launch.args(["--", "sh", "-c", "echo \"the image's own command\""])
    });
    let (status, log) = lambda.invoke(&json!({})).status_and_log();
    assert_eq!((status, log.as_str()), (200, "the image's own command\n"));
    lambda.stop();

    let mut lambda = start(&sandbox, |launch| launch);
    let (status, exception) = lambda.invoke(&json!({})).status_and_log();
    assert_eq!(status, 500);
    assert!(exception.contains("nothing to run"), "{exception}");
    lambda.stop();
}
