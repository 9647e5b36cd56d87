//! What must hold in every mode: P1 (proot), R1 (runc) and F1 (fakechroot), through the real udocker and without it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use e2e::{Mode, Sandbox, command_lines, s3_event};
use nix::sys::signal::Signal;
use serde_json::json;

/// Makes one test per mode out of each function.
macro_rules! in_every_mode {
    ($($case:ident)*) => {
        $(mod $case {
            use e2e::Mode;
            #[test]
            fn p1() { super::$case(Mode::P1); }
            #[test]
            fn r1() { super::$case(Mode::R1); }
            #[test]
            fn f1() { super::$case(Mode::F1); }
            #[test]
            fn native_p1() { super::$case(Mode::NativeP1); }
            #[test]
            fn native_f1() { super::$case(Mode::NativeF1); }
        })*
    };
}

in_every_mode! {
    output_is_the_containers_and_nothing_else
    a_file_goes_through
    an_exit_code_is_passed_on
    a_signal_is_told_exactly
    the_deadline_ends_what_ignores_sigterm
    what_was_done_before_the_deadline_is_kept
    a_daemon_holding_the_output_does_not_hold_the_run
    an_interrupt_stops_everything
    a_supervisor_that_is_killed_takes_its_container_along
    variables_arrive_as_configured
    only_the_listed_environment_is_passed
    secrets_are_on_no_command_line_and_in_no_log
    the_root_directory_is_the_images
}

fn output_is_the_containers_and_nothing_else(mode: Mode) {
    let sandbox = Sandbox::new(mode);
    let run = sandbox
        .script("echo first; echo problem >&2; printf 'no line end'")
        .run();
    run.expect_code(0);
    assert_eq!(run.stdout(), "first\nno line end");
    let problems = run
        .stderr()
        .lines()
        .filter(|line| *line == "problem")
        .count();
    assert_eq!(problems, 1, "standard error: {}", run.stderr());
    assert!(
        !run.stderr.contains(&b'\r'),
        "a carriage return: {:?}",
        run.stderr()
    );
    // Neither udocker's banner nor its notes belong to the container.
    for noise in [
        "STARTING",
        "executing:",
        "Info:",
        "Warning:",
        "Popen",
        "Error:",
    ] {
        assert!(
            !run.stderr().contains(noise),
            "{noise:?} in {}",
            run.stderr()
        );
    }
}

fn a_file_goes_through(mode: Mode) {
    let sandbox = Sandbox::new(mode);
    sandbox.put("inbox", "deep/path/letter.txt", "hello\n");
    let script = "cat \"$INPUT_FILE_PATH\"; mkdir -p \"$TMP_OUTPUT_DIR/a/b\"
        tr a-z A-Z < \"$INPUT_FILE_PATH\" > \"$TMP_OUTPUT_DIR/a/b/loud.txt\"";
    let output = json!([{ "storage_provider": "s3", "path": "outbox/results/" }]);
    sandbox.function(script, &json!({ "output": output }));
    let run = sandbox
        .invoke_local(&s3_event("inbox", "deep/path/letter.txt"))
        .run();
    run.expect_code(0);
    assert_eq!(run.stdout(), "hello\n");
    let result = sandbox.object("outbox", "results/a/b/loud.txt");
    assert_eq!(result.as_deref(), Some("HELLO\n"));
    sandbox.expect_clean();
}

fn an_exit_code_is_passed_on(mode: Mode) {
    let sandbox = Sandbox::new(mode);
    let run = sandbox.script("echo before; exit 7").run();
    run.expect_code(7);
    assert_eq!(run.stdout(), "before\n");
}

fn a_signal_is_told_exactly(mode: Mode) {
    let sandbox = Sandbox::new(mode);
    let run = sandbox.script("kill -9 $$").arg("--json").run();
    run.expect_code(128 + 9);
    assert_eq!(run.json()["outcome"], "killed");
    assert_eq!(run.json()["signal"], 9);
    let run = sandbox.script("kill -TERM $$").arg("--json").run();
    run.expect_code(128 + 15);
    assert_eq!(run.json()["signal"], 15);
}

fn the_deadline_ends_what_ignores_sigterm(mode: Mode) {
    let sandbox = Sandbox::new(mode);
    let script = "trap '' TERM INT HUP; echo started; while :; do sleep 1; done";
    let run = sandbox.script(script).args(["--timeout", "5"]).run();
    run.expect_code(124);
    assert_eq!(run.stdout(), "started\n");
    assert!(run.took < Duration::from_secs(8), "took {:?}", run.took);
    sandbox.expect_clean();
}

fn what_was_done_before_the_deadline_is_kept(mode: Mode) {
    let sandbox = Sandbox::new(mode);
    let script = "echo so far; echo part > \"$TMP_OUTPUT_DIR/part.txt\"; sleep 300; echo never";
    let output = json!([{ "storage_provider": "s3", "path": "outbox" }]);
    sandbox.function(script, &json!({ "output": output }));
    let launch = sandbox.invoke_local(&json!({}));
    let run = launch.args(["--timeout", "5", "--json"]).run();
    run.expect_code(124);
    run.expect_stderr("so far");
    let report = run.json();
    assert_eq!(report["outcome"], "timed-out");
    assert_eq!(report["outputs"][0]["file"], "part.txt");
    assert_eq!(
        sandbox.object("outbox", "part.txt").as_deref(),
        Some("part\n")
    );
    sandbox.expect_clean();
}

fn a_daemon_holding_the_output_does_not_hold_the_run(mode: Mode) {
    let sandbox = Sandbox::new(mode);
    let script = "setsid sh -c 'trap \"\" HUP TERM; sleep 300' & echo parent is done";
    let run = sandbox.script(script).within(Duration::from_secs(20)).run();
    run.expect_code(0);
    assert_eq!(run.stdout(), "parent is done\n");
    assert!(run.took < Duration::from_secs(8), "took {:?}", run.took);
    sandbox.expect_clean();
}

fn an_interrupt_stops_everything(mode: Mode) {
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let sandbox = Sandbox::new(mode);
        let script = "(setsid sleep 300 &) ; echo started; sleep 300";
        let mut running = sandbox.script(script).start();
        running.wait_for_stdout("started");
        running.signal(signal);
        let run = running.wait();
        run.expect_code(code);
        sandbox.expect_clean();
    }
}

fn a_supervisor_that_is_killed_takes_its_container_along(mode: Mode) {
    let sandbox = Sandbox::new(mode);
    let script = "(setsid sh -c 'trap \"\" HUP TERM; sleep 300' &) ; echo started; sleep 300";
    let mut running = sandbox.script(script).start();
    running.wait_for_stdout("started");
    running.signal(Signal::SIGKILL);
    running.wait();
    sandbox.clear_after_kill();
}

fn variables_arrive_as_configured(mode: Mode) {
    let sandbox = Sandbox::new(mode);
    let script = "for value in \"$LINES_OF_TEXT\" \"$SPACED\" \"$ZERO\" \"$NO\" \"$EMPTY\" \"$QUOTED\" \"$GIVEN\"; do
        printf '[%s]\\n' \"$value\"; done; echo \"${EMPTY+set}\"";
    let variables = json!({
        "LINES_OF_TEXT": "one\n two\n\nfour\n", "SPACED": "  two before, one after ", "ZERO": 0, "NO": false,
        "EMPTY": "", "QUOTED": "it's \"$HOME\" `id` \\n = #",
    });
    sandbox.function(
        script,
        &json!({ "container": { "environment": { "Variables": variables } } }),
    );
    let run = sandbox
        .invoke_local(&json!({}))
        .args(["--env", "GIVEN= a=b "])
        .run();
    run.expect_code(0);
    let expected = "[one\n two\n\nfour\n]\n[  two before, one after ]\n[0]\n[false]\n[]\n\
        [it's \"$HOME\" `id` \\n = #]\n[ a=b ]\nset\n";
    assert_eq!(run.stdout(), expected);
}

fn only_the_listed_environment_is_passed(mode: Mode) {
    let mut sandbox = Sandbox::new(mode);
    sandbox.set("SUPERVISORS_OWN", "not for the container");
    sandbox.use_aws("http://127.0.0.1:1", "AKIDEXAMPLE", "secret");
    sandbox.put("inbox", "a b.txt", "x");
    sandbox.function(
        "env; cat \"$EVENT_FILE\" >/dev/null && echo event file is there",
        &json!({}),
    );
    let run = sandbox.invoke_local(&s3_event("inbox", "a b.txt")).run();
    run.expect_code(0);
    let output = run.stdout();
    let value = |name: &str| {
        output
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name}=")))
            .map(str::to_owned)
    };
    assert_eq!(value("STORAGE_OBJECT_KEY").as_deref(), Some("a b.txt"));
    assert_eq!(
        value("EVENT_TIME").as_deref(),
        Some("2026-03-01T10:20:30.400Z")
    );
    assert_eq!(value("AWS_ACCESS_KEY_ID").as_deref(), Some("AKIDEXAMPLE"));
    assert_eq!(value("AWS_SECRET_ACCESS_KEY").as_deref(), Some("secret"));
    assert_eq!(value("IMAGE_VARIABLE").as_deref(), Some("from the image"));
    assert!(value("EVENT").unwrap().contains("\"a+b.txt\""));
    for name in [
        "REQUEST_ID",
        "INSTANCE_IP",
        "TMP_INPUT_DIR",
        "TMP_OUTPUT_DIR",
        "INPUT_FILE_PATH",
    ] {
        assert!(
            value(name).is_some_and(|value| !value.is_empty()),
            "{name} is missing: {output}"
        );
    }
    assert_eq!(value("REQUEST_ID"), value("AWS_LAMBDA_REQUEST_ID"));
    for name in [
        "SUPERVISORS_OWN",
        "UDOCKER_DIR",
        "UDOCKER_EXEC",
        "TMPDIR",
        "AWS_ENDPOINT_URL",
    ] {
        assert!(
            value(name).is_none(),
            "{name} is the supervisor's own: {output}"
        );
    }
    assert!(output.contains("event file is there"));
}

fn secrets_are_on_no_command_line_and_in_no_log(mode: Mode) {
    let mut sandbox = Sandbox::new(mode);
    let (key, token, configured) = (
        "wJalrXUtnFEMI-key",
        "FwoGZXIvYXdzEBYaD-token",
        "hunter2-configured",
    );
    sandbox.use_aws("http://127.0.0.1:1", "AKIDEXAMPLE", key);
    sandbox.set("AWS_SESSION_TOKEN", token);
    let script = "[ \"$AWS_SECRET_ACCESS_KEY\" ] && [ \"$AWS_SESSION_TOKEN\" ] && [ \"$PASSWORD\" ] && sleep 0.3 && echo all there";
    let variables = json!({ "PASSWORD": configured });
    let container = json!({ "environment": { "Variables": variables } });
    let providers = json!({ "minio": { "store": {
        "access_key": "AKIAMINIO", "secret_key": "minio-secret-key", "endpoint": "http://127.0.0.1:1", "region": "us-east-1" } } });
    let config =
        json!({ "log_level": "DEBUG", "container": container, "storage_providers": providers });
    sandbox.function(script, &config);
    let secrets = [key, token, configured, "minio-secret-key"];

    let over = Arc::new(AtomicBool::new(false));
    let ended = Arc::clone(&over);
    let watcher = std::thread::spawn(move || {
        let (mut seen, mut looks) = (Vec::new(), 0_u32);
        while !ended.load(Ordering::Relaxed) {
            looks += 1;
            for line in command_lines() {
                let line = String::from_utf8_lossy(&line).replace('\0', " ");
                if secrets.iter().any(|secret| line.contains(secret)) {
                    seen.push(line);
                }
            }
        }
        (seen, looks)
    });
    let run = sandbox.invoke_local(&json!({})).run();
    over.store(true, Ordering::Relaxed);
    let (seen, looks) = watcher.join().unwrap();

    run.expect_code(0);
    assert_eq!(run.stdout(), "all there\n");
    assert!(looks > 20, "looked only {looks} times");
    assert!(seen.is_empty(), "secrets on command lines: {seen:#?}");
    for secret in secrets {
        assert!(
            !run.stderr().contains(secret),
            "{secret} in the log: {}",
            run.stderr()
        );
    }
}

fn the_root_directory_is_the_images(mode: Mode) {
    let sandbox = Sandbox::new(mode);
    // Only the images have this account file of two lines; a run on the host's root would show the machine's.
    let run = sandbox
        .script("wc -l < /etc/passwd; ls -d /home/* /root/.cargo 2>/dev/null; :")
        .run();
    run.expect_code(0);
    assert_eq!(run.stdout().trim(), "2");
}
