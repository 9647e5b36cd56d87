//! `--as-lambda`: a run meets on this machine what it will meet on AWS Lambda, and is told what it used.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use e2e::{Launch, Mode, Sandbox, s3_event, supervisor};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

/// Asks for everything that is different on Lambda, and writes what it is told into the output.
const LOOK: &str = "grep -E '^(Uid|CapEff|NoNewPrivs|Seccomp):' /proc/self/status
grep -E '^Max (processes|open files)' /proc/self/limits; echo core: $(ulimit -S -c)
setpriv --nnp true && echo 'prctl works'
unshare --user true && echo 'unshare works'
fallocate -l 1M /tmp/f && echo 'fallocate works'
ls /dev/shm /dev/fd /dev/pts && echo 'there are devices'
:
";

/// A sandbox that every user may use, as a user's own directories often are.
fn open_sandbox() -> Sandbox {
    let sandbox = Sandbox::new(Mode::NativeF1);
    for (path, mode) in [
        ("", 0o755),
        ("tmp", 0o777),
        ("buckets/inbox", 0o777),
        ("buckets/outbox", 0o777),
    ] {
        fs::set_permissions(sandbox.path(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    sandbox
}

/// A run of `script` in the mode that is Lambda's own default.
fn trial(sandbox: &Sandbox, script: &str) -> Launch {
    sandbox.function(script, &json!({ "container": { "execmode": null } }));
    sandbox.invoke_local(&json!({})).arg("--as-lambda")
}

fn through(launch: Launch, words: &[&str]) -> Launch {
    let mut command: Vec<_> = words.iter().map(Into::into).collect();
    command.push(supervisor().into());
    launch.through(command)
}

/// The same as a user without any privilege.
fn unprivileged(launch: Launch) -> Launch {
    let words = ["setpriv", "--reuid=1234", "--regid=1234", "--clear-groups"];
    through(launch, &words)
}

/// The same as root that may not mount, as in many containers.
fn without_mounts(launch: Launch) -> Launch {
    through(launch, &["setpriv", "--bounding-set=-sys_admin"])
}

fn missing(report: &Value) -> String {
    report["as_lambda"]["not_imitated"].to_string()
}

fn used(report: &Value, what: &str, unit: &str) -> u64 {
    let used = &report["as_lambda"][what][format!("used{unit}")];
    used.as_u64().unwrap_or_else(|| panic!("{what}: {report}"))
}

fn log(report: &Value) -> String {
    report["records"][0]["log"].as_str().unwrap().to_owned()
}

#[test]
fn what_lambda_denies_is_denied_to_root_too() {
    let sandbox = open_sandbox();
    let run = trial(&sandbox, LOOK).arg("--json").run();
    run.expect_code(0);
    let (report, log) = (run.json(), log(&run.json()));
    for expected in [
        "Uid:\t993\t993\t993\t993",
        "CapEff:\t0000000000000000",
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
        "Operation not permitted",
        "core: 0",
    ] {
        assert!(log.contains(expected), "no {expected:?} in {log}");
    }
    let limit = |name: &str| {
        let line = log.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().rev().nth(1).unwrap().to_owned()
    };
    assert_eq!(
        (limit("Max processes"), limit("Max open")),
        ("742".into(), "1024".into())
    );
    assert!(
        !log.contains("works") && !log.contains("there are"),
        "{log}"
    );
    let missing = missing(&report);
    assert!(
        missing.contains("processors") && !missing.contains("user 993"),
        "{missing}"
    );
    sandbox.expect_clean();
}

#[test]
fn it_works_without_any_privilege() {
    let sandbox = open_sandbox();
    let run = unprivileged(trial(&sandbox, LOOK).arg("--json")).run();
    run.expect_code(0);
    let (report, log) = (run.json(), log(&run.json()));
    for expected in ["Uid:\t1234", "NoNewPrivs:\t1", "Seccomp:\t2"] {
        assert!(log.contains(expected), "no {expected:?} in {log}");
    }
    assert!(!log.contains("works"), "{log}");
    assert!(missing(&report).contains("user 993: only root"), "{report}");
    sandbox.expect_clean();
}

#[test]
fn a_user_stays_who_it_is_where_a_user_namespace_is_of_no_use() {
    let sandbox = open_sandbox();
    let launch = trial(&sandbox, "grep ^Uid: /proc/self/status");
    // The namespace itself is allowed, and its maps cannot be written.
    let closed = "mount --bind /proc /proc && mount -o remount,bind,ro /proc &&
exec setpriv --reuid=1234 --regid=1234 --clear-groups \"$@\"";
    let run = through(launch, &["unshare", "--mount", "sh", "-c", closed, "sh"]).run();
    run.expect_code(0)
        .expect_stderr("/tmp of 512 MB: this user may not mount");
    assert!(run.stdout().contains("Uid:\t1234"), "{}", run.stdout());
    sandbox.expect_clean();
}

#[test]
fn root_stays_root_where_lambdas_user_could_not_use_the_files() {
    let sandbox = Sandbox::new(Mode::NativeF1);
    let run = trial(&sandbox, "grep ^Uid: /proc/self/status").run();
    run.expect_code(0)
        .expect_stderr("not imitated: user 993 without capabilities: it may not");
    assert!(run.stdout().contains("Uid:\t0"), "{}", run.stdout());
}

#[test]
fn root_that_cannot_become_another_user_stays_root() {
    let sandbox = open_sandbox();
    let launch = trial(&sandbox, "grep ^Uid: /proc/self/status");
    let run = through(launch, &["setpriv", "--bounding-set=-setuid,-setgid"]).run();
    run.expect_code(0)
        .expect_stderr("unknown to this container");
    assert!(run.stdout().contains("Uid:\t0"), "{}", run.stdout());
}

#[test]
fn outputs_arrive_and_the_exit_code_is_the_containers() {
    let sandbox = open_sandbox();
    let output = json!([{ "storage_provider": "local", "path": "outbox" }]);
    let script =
        "tr a-z A-Z < \"$INPUT_FILE_PATH\" > \"$TMP_OUTPUT_DIR/loud.txt\"; exit ${CODE:-0}";
    sandbox.function(
        script,
        &json!({ "output": output, "container": { "execmode": null } }),
    );
    sandbox.put("inbox", "quiet.txt", "quiet");
    let event = s3_event("inbox", "quiet.txt");
    let input = json!([{ "storage_provider": "local", "path": "inbox" }]);
    sandbox.function(
        script,
        &json!({ "input": input, "output": output, "container": { "execmode": null } }),
    );
    sandbox
        .invoke_local(&event)
        .arg("--as-lambda")
        .run()
        .expect_code(0);
    assert_eq!(
        sandbox.object("outbox", "loud.txt").as_deref(),
        Some("QUIET")
    );
    let failed = sandbox
        .invoke_local(&event)
        .args(["--as-lambda", "--env", "CODE=7"])
        .run();
    failed.expect_code(7).expect_stderr("lambda: time");
    let json = sandbox
        .invoke_local(&event)
        .args(["--as-lambda", "--env", "CODE=7", "--json"])
        .run();
    assert_eq!(json.expect_code(7).json()["exit_code"], 7);
}

#[test]
fn a_write_beyond_the_size_of_tmp_fails() {
    let sandbox = open_sandbox();
    let script = "head -c 150000000 /dev/zero > /tmp/large || { sleep 0.3; exit 3; }";
    for run in [
        trial(&sandbox, script),
        unprivileged(trial(&sandbox, script)),
    ] {
        let run = run.args(["--tmp", "100"]).run();
        run.expect_code(3)
            .expect_stderr("No space left on device")
            .expect_stderr("lambda: /tmp at 100 %: raise ephemeral_storage");
        assert!(
            run.stderr().contains("/tmp 100 MB of 100 MB"),
            "{}",
            run.stderr()
        );
    }
    trial(&sandbox, script)
        .args(["--tmp", "300"])
        .run()
        .expect_code(0);
}

#[test]
fn where_nothing_can_be_mounted_a_run_with_too_much_in_tmp_is_stopped() {
    let sandbox = open_sandbox();
    let script = "head -c 150000000 /dev/zero > /tmp/large; sleep 30";
    let run = without_mounts(trial(&sandbox, script).args(["--tmp", "100"])).run();
    run.expect_code(1)
        .expect_stderr("of 100 MB, the run was stopped")
        .expect_stderr("not imitated: /tmp of 100 MB: this user may not mount");
    sandbox.expect_clean();
    let run = without_mounts(trial(
        &sandbox,
        "head -c 5000000 /dev/zero > /tmp/small; sleep 1",
    ));
    let report = run.arg("--json").run();
    let report = report.expect_code(0).json();
    assert!((5..100).contains(&used(&report, "tmp", "_mb")), "{report}");
}

#[test]
fn more_memory_than_the_function_has_is_reported_as_lambda_would() {
    let sandbox = open_sandbox();
    // It has to wait before it may give any of it back: memory is looked at now and then.
    let script = "mkfifo /tmp/pipe; (exec < /tmp/pipe; sleep 1; cat > /dev/null) &
        head -c 400000000 /dev/zero | { tail -c 400000000 > /tmp/pipe; exit $?; }";
    let run = trial(&sandbox, script)
        .args(["--memory", "128", "--json"])
        .run();
    run.expect_code(137);
    let report = run.json();
    let stopped = report["as_lambda"]["stopped"].to_string();
    for expected in ["OutOfMemory", "of 128 MB", "tail", "signal: killed"] {
        assert!(stopped.contains(expected), "no {expected:?} in {stopped}");
    }
    assert!(used(&report, "memory", "_mb") > 128, "{report}");
    let hints = report["as_lambda"]["hints"].to_string();
    assert!(hints.contains("raise memory"), "{hints}");
    let enough = unprivileged(trial(&sandbox, script).args(["--memory", "1024", "--json"])).run();
    let report = enough.expect_code(0).json();
    assert!(
        (300..600).contains(&used(&report, "memory", "_mb")),
        "{report}"
    );
}

#[test]
fn what_a_run_used_is_what_it_used() {
    let sandbox = open_sandbox();
    let report = |script: &str| {
        let run = trial(&sandbox, script).arg("--json").run();
        run.expect_code(0).json()
    };
    let idle = report("sleep 0.3");
    let busy = report(
        "head -c 20971520 /dev/zero > /tmp/twenty
for n in 1 2 3 4 5 6; do sleep 0.5 & done
exec 3</dev/null 4</dev/null 5</dev/null 6</dev/null 7</dev/null
wait",
    );
    let more = |what, unit| used(&busy, what, unit).abs_diff(used(&idle, what, unit));
    assert!((19..=22).contains(&more("tmp", "_mb")), "{idle} {busy}");
    assert!((4..=8).contains(&more("processes", "")), "{idle} {busy}");
    assert!((1..200).contains(&used(&idle, "memory", "_mb")), "{idle}");
    assert!((5..200).contains(&used(&busy, "open_files", "")), "{busy}");
    let time = &busy["as_lambda"]["time"];
    assert!(time["used_s"].as_f64().unwrap() > 0.5, "{time}");
    assert_eq!(
        (&time["limit_s"], &busy["as_lambda"]["tmp"]["limit_mb"]),
        (&json!(900.0), &json!(512))
    );
}

#[test]
fn the_size_comes_from_the_function_definition() {
    let sandbox = open_sandbox();
    let more = json!({ "memory": 1024, "ephemeral_storage": { "Size": 700 }, "timeout": 30, "container": { "execmode": null } });
    sandbox.function("true", &more);
    let run = sandbox.invoke_local(&json!({})).arg("--as-lambda").run();
    run.expect_code(0)
        .expect_stderr("of 30 s (timeout)")
        .expect_stderr("of 1024 MB")
        .expect_stderr("of 700 MB");
}

#[test]
fn a_size_that_lambda_does_not_accept_is_an_error_only_where_it_counts() {
    let sandbox = open_sandbox();
    let more = json!({ "memory": "1Gi", "ephemeral_storage": { "Size": 100 }, "container": { "execmode": null } });
    sandbox.function("true", &more);
    let launch = || sandbox.invoke_local(&json!({}));
    launch().run().expect_code(0);
    launch().arg("--as-lambda").run().expect_code(1).expect_stderr(
        "configuration key memory: found \"1Gi\", expected a whole number of MB from 128 to 10240",
    );
    let run = launch().args(["--as-lambda", "--memory", "512"]).run();
    run.expect_code(1)
        .expect_stderr("configuration key ephemeral_storage.Size: found 100");
    let run = launch().args(["--as-lambda", "--memory", "512", "--tmp", "200"]);
    run.run().expect_code(0);
}

#[test]
fn root_stays_root_where_lambdas_user_could_not_write_an_output() {
    let sandbox = open_sandbox();
    let output = json!([{ "storage_provider": "local", "path": "outbox/deep/er" }]);
    let more = json!({ "output": output, "container": { "execmode": null } });
    sandbox.function("grep ^Uid: /proc/self/status", &more);
    let folder = sandbox.path("buckets/outbox/deep");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    let run = sandbox.invoke_local(&json!({})).arg("--as-lambda").run();
    run.expect_code(0).expect_stderr("it may not write to");
    assert!(run.stdout().contains("Uid:\t0"), "{}", run.stdout());
}

#[test]
fn the_event_may_be_standard_input_and_nothing_else_may_be_a_stream() {
    let sandbox = open_sandbox();
    let more = json!({ "container": { "execmode": null } });
    sandbox.function("cat \"$INPUT_FILE_PATH\"", &more);
    sandbox.write("event.json", "{}");
    let launch = |config, event| {
        let words = ["--config", config, "--event", event, "--as-lambda"];
        let launch = sandbox.launch().args(words);
        launch.stdin("{\"of\": \"stdin\"}").run()
    };
    let run = launch("function_config.yaml", "-");
    run.expect_code(0);
    assert!(run.stdout().contains("stdin"), "{}", run.stdout());
    launch("/proc/self/fd/0", "event.json")
        .expect_code(1)
        .expect_stderr("--config /proc/self/fd/0: it is no regular file");
    launch("function_config.yaml", "/proc/self/fd/0")
        .expect_code(1)
        .expect_stderr("--event /proc/self/fd/0: it is no regular file");
}

#[test]
fn the_deadline_is_the_functions() {
    let sandbox = open_sandbox();
    let run = trial(&sandbox, "sleep 30").args(["--timeout", "3"]).run();
    run.expect_code(124)
        .expect_stderr("lambda: time before the deadline at");
}

#[test]
fn a_run_that_outlives_the_functions_timeout_is_killed_as_the_platform_does_it() {
    let sandbox = open_sandbox();
    let launch = trial(&sandbox, "echo started; sleep 30").args(["--timeout", "3"]);
    let mut run = launch.start();
    run.wait_for_stdout("started");
    // The supervisor itself hangs, and can keep no deadline.
    let children = format!("/proc/{0}/task/{0}/children", run.pid());
    let inner = fs::read_to_string(children).unwrap();
    let inner = Pid::from_raw(inner.trim().parse().unwrap());
    kill(inner, Signal::SIGSTOP).unwrap();
    run.wait()
        .expect_code(124)
        .expect_stderr("Task timed out after 3.00 seconds");
    sandbox.expect_clean();
}

#[test]
fn udocker_works_there_too() {
    let sandbox = Sandbox::new(Mode::F1);
    let run = trial(&sandbox, "grep ^Seccomp: /proc/self/status; exit 5").run();
    assert!(
        run.expect_code(5).stdout().contains("Seccomp:\t2"),
        "{}",
        run.stdout()
    );
    sandbox.expect_clean();
}

#[test]
fn what_lambda_cannot_do_is_refused_before_anything_is_done() {
    let sandbox = open_sandbox();
    for (mode, why) in [("P1", "ptrace"), ("R1", "user namespaces")] {
        let run = trial(&sandbox, "true").args(["--execmode", mode]).run();
        run.expect_code(1)
            .expect_stderr(why)
            .expect_stderr("which Lambda denies");
    }
    let run = trial(&sandbox, "true").args(["--timeout", "901"]).run();
    run.expect_code(1).expect_stderr("900 s at most");
    let run = sandbox
        .invoke_local(&json!({}))
        .args(["--memory", "512"])
        .run();
    run.expect_code(2).expect_stderr("--as-lambda");
}

#[test]
fn the_plan_is_that_of_lambda() {
    let sandbox = open_sandbox();
    let run = trial(&sandbox, "true")
        .args(["--explain", "--memory", "256"])
        .run();
    let text = run.expect_code(0).stdout();
    assert!(
        text.contains("as on Lambda: memory 256 MB, /tmp 512 MB"),
        "{text}"
    );
    assert!(text.contains("F1") && !text.contains("P1"), "{text}");
}

#[test]
fn signals_reach_the_run_and_nothing_is_left() {
    let sandbox = open_sandbox();
    for (signal, code) in [
        (Signal::SIGINT, 130),
        (Signal::SIGTERM, 143),
        (Signal::SIGHUP, 143),
    ] {
        let script = "setsid sleep 300 & echo started; sleep 300";
        let mut run = trial(&sandbox, script).start();
        run.wait_for_stdout("started");
        run.signal(signal);
        run.wait().expect_code(code).expect_stderr("lambda: time");
        sandbox.expect_clean();
    }
}

#[test]
fn a_workspace_that_is_to_stay_does() {
    let sandbox = open_sandbox();
    let run = trial(&sandbox, "echo kept > \"$TMP_OUTPUT_DIR/file\"")
        .args(["--keep", "--json"])
        .run();
    let report = run.expect_code(0).json();
    let workspace = report["workspace"].as_str().unwrap().to_owned();
    assert_eq!(
        fs::read_to_string(format!("{workspace}/0/output/file")).unwrap(),
        "kept\n"
    );
    assert!(missing(&report).contains("--keep"), "{report}");
    fs::remove_dir_all(std::path::Path::new(&workspace).parent().unwrap()).unwrap();
}
