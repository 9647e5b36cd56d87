//! `--explain`: says what would happen, and does nothing of it.

use std::fs;

use e2e::{FaultyS3, Mode, Sandbox, s3_records};
use serde_json::json;

#[test]
fn everything_is_said_and_nothing_done() {
    let mut sandbox = Sandbox::new(Mode::P1);
    sandbox.record_udocker();
    let server = FaultyS3::start("http://127.0.0.1:1", Vec::new());
    sandbox.use_aws(&server.url(), "AKIDEXAMPLE", "explain-secret");
    let output = json!([{ "storage_provider": "s3", "path": "outbox/results", "prefix": ["gray-"], "suffix": [".png", ".jpg"] }]);
    let container = json!({ "environment": { "Variables": { "PASSWORD": "hunter2" } } });
    sandbox.function(
        "touch /tmp/ran",
        &json!({ "output": output, "container": container }),
    );
    let event = s3_records(&[("inbox", "a b.png"), ("inbox", "c.png")]);
    let run = sandbox.invoke(&event).arg("--explain").run();
    run.expect_code(0);
    let text = run.stdout();
    for expected in [
        "s3://inbox/a b.png",
        "s3://inbox/c.png",
        "outbox/results",
        "gray-",
        ".png",
        ".jpg",
        "run",
        "busybox.tar",
        "script.sh",
        "P1",
    ] {
        assert!(text.contains(expected), "no {expected:?} in {text}");
    }
    assert!(
        text.contains(sandbox.path("work/udocker-recorder").to_str().unwrap()),
        "the command line is not exact: {text}"
    );
    for secret in ["explain-secret", "hunter2"] {
        assert!(
            !text.contains(secret) && !run.stderr().contains(secret),
            "{secret} is shown: {text}{}",
            run.stderr()
        );
    }
    assert_eq!(sandbox.udocker_commands(), Vec::<String>::new());
    assert_eq!(server.requests(), Vec::<String>::new());
    assert_eq!(fs::read_dir(sandbox.path("udocker")).unwrap().count(), 0);
    sandbox.expect_clean();
}

#[test]
fn without_udocker_the_exact_command_line_is_said_once_the_image_is_prepared() {
    for (mode, words) in [
        (Mode::NativeF1, ["/ROOT/bin/sh", "/0/script.sh"]),
        (Mode::NativeP1, ["proot -v 1 -b /dev:/dev", "/.faas-init"]),
    ] {
        let sandbox = Sandbox::new(mode);
        let explained = || {
            sandbox.function("echo ran", &json!({}));
            let run = sandbox.invoke_local(&json!({})).arg("--explain").run();
            run.expect_code(0);
            run.stdout()
        };
        let text = explained();
        assert!(text.contains("known once the image is prepared"), "{text}");
        sandbox.script("echo ran").run().expect_code(0);
        let text = explained();
        assert!(text.contains("prepared already"), "{text}");
        for word in words {
            assert!(text.contains(word), "no {word} in {text}");
        }
        assert!(!text.contains("udocker run"), "{text}");
        sandbox.expect_clean();
    }
}

#[test]
fn a_plan_that_cannot_be_is_refused_as_a_run_would() {
    let sandbox = Sandbox::new(Mode::P1);
    sandbox.function(
        "",
        &json!({ "output": [{ "storage_provider": "minio.nowhere", "path": "x" }] }),
    );
    let run = sandbox.invoke(&json!({})).arg("--explain").run();
    run.expect_code(1).expect_stderr("minio.nowhere");
}

#[test]
fn the_package_is_a_volume_only_where_the_run_will_have_it() {
    for mode in [Mode::P1, Mode::NativeP1] {
        let sandbox = Sandbox::new(mode);
        let package = sandbox.path("package");
        sandbox.script("true").run().expect_code(0);
        let explained = || {
            sandbox.function("true", &json!({ "extra_payload": "data" }));
            let run = sandbox
                .invoke_local(&json!({}))
                .env("LAMBDA_TASK_ROOT", &package)
                .arg("--explain")
                .run();
            run.expect_code(0);
            let line = run
                .stdout()
                .lines()
                .find(|line| line.contains("run: "))
                .map(str::to_owned);
            line.unwrap_or_else(|| panic!("{}", run.stdout()))
        };
        let line = explained();
        assert!(!line.contains("/package"), "{mode:?}: {line}");
        fs::create_dir(&package).unwrap();
        let line = explained();
        assert!(line.contains("/package"), "{mode:?}: {line}");
    }
}
