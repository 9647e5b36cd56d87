//! The shim of a run: each run has its own, and nothing of the run outlives it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use e2e::{KILLED_IN, Lambda, Mode, Process, Sandbox, wait_until_gone};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

/// Longest that a run takes to begin, on a busy machine.
const STARTS_IN: Duration = Duration::from_secs(30);

/// A function on Lambda, or on a container host for modes that do not run there; nothing for users who cannot imitate it.
fn function(mode: Mode, script: &str, settings: &Value) -> Option<(Sandbox, Lambda)> {
    if mode.runs_on_lambda() {
        let sandbox = Sandbox::on_lambda(mode)?;
        sandbox.function(script, settings);
        let lambda = Lambda::start(&sandbox);
        return Some((sandbox, lambda));
    }
    let sandbox = Sandbox::new(mode);
    sandbox.function(script, settings);
    let lambda = Lambda::start_unconfined(&sandbox, |launch| launch);
    Some((sandbox, lambda))
}

/// The answer's log, of an invocation that goes well.
#[track_caller]
fn log(lambda: &mut Lambda, event: &Value) -> String {
    let (status, log) = lambda.invoke(event).status_and_log();
    assert_eq!(status, 200, "{log}");
    log.trim().to_owned()
}

/// The process of a run that is under way.
#[track_caller]
fn process(lambda: &Lambda, is_it: impl Fn(&Process) -> bool) -> Process {
    let asked = Instant::now();
    loop {
        let all = lambda.others();
        if let Some(found) = all.iter().find(|process| is_it(process)) {
            return found.clone();
        }
        assert!(asked.elapsed() < STARTS_IN, "{all:#?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn sleeps(process: &Process) -> bool {
    process.command.ends_with("sleep 60")
}

fn is_shim(process: &Process) -> bool {
    process.command.starts_with("faas-shim ")
}

fn is_proot(process: &Process) -> bool {
    process.command.contains("proot -v ")
}

fn is_command(process: &Process) -> bool {
    process.command.ends_with("/script.sh")
}

#[test]
fn each_invocation_has_its_own_words_variables_and_directories() {
    for mode in [Mode::NativeP1, Mode::NativeF1] {
        let more = json!({ "init_script": null });
        let Some((sandbox, mut lambda)) = function(mode, "", &more) else {
            return;
        };
        let mut seen: Vec<String> = Vec::new();
        for number in 0..4 {
            // More than a pipe holds, together.
            let long = "x".repeat(number * 30_000);
            let script = "echo $TMP_OUTPUT_DIR; echo $0 ${#1} ${#2} ${#3}; echo $REQUEST_ID";
            let words = [
                "/bin/sh",
                "-c",
                script,
                &number.to_string(),
                &long,
                "",
                &long,
            ];
            let said = log(&mut lambda, &json!({ "cmd_args": words, "number": number }));
            let length = long.len();
            let [directory, words, request] = said.lines().collect::<Vec<_>>()[..] else {
                panic!("{mode:?} {said}");
            };
            assert_eq!(words, format!("{number} {length} 0 {length}"));
            // They go after the answer, and are gone when the next run begins.
            let earlier = seen.iter().filter(|own| own.starts_with('/'));
            for directory in earlier.map(|directory| sandbox.outside(Path::new(directory))) {
                assert!(!directory.exists(), "{}", directory.display());
            }
            for own in [directory, request] {
                assert!(!seen.contains(&own.to_owned()), "{own}");
                seen.push(own.to_owned());
            }
        }
        lambda.stop();
    }
}

/// Says something, then sleeps when the event asks for it.
const SLEEPS_WHEN_ASKED: &str =
    "echo fine; case \"$EVENT\" in *long*) sleep 60; echo too long ;; esac";

/// A run that has begun to sleep, and its proot if it has one.
#[track_caller]
fn sleeping_run(lambda: &mut Lambda, mode: Mode) -> (String, Option<Process>) {
    assert_eq!(log(lambda, &json!({})), "fine");
    let id = lambda.send(&json!("long"));
    process(lambda, sleeps);
    let proot = (mode == Mode::NativeP1).then(|| process(lambda, is_proot));
    (id, proot)
}

#[test]
fn a_command_does_not_outlive_its_proot() {
    let mode = Mode::NativeP1;
    let Some((_sandbox, mut lambda)) = function(mode, SLEEPS_WHEN_ASKED, &json!({})) else {
        return;
    };
    let (id, proot) = sleeping_run(&mut lambda, mode);
    let (shim, command) = (process(&lambda, is_shim), process(&lambda, is_command));
    // The shim would do it, a moment later.
    shim.signal(Signal::SIGSTOP);
    proot.iter().for_each(Process::kill);
    let killed = Instant::now();
    // One that nobody has collected yet has no words any more.
    let words = || std::fs::read(format!("/proc/{}/cmdline", command.pid)).unwrap_or_default();
    while !words().is_empty() {
        assert!(killed.elapsed() < KILLED_IN, "it runs on");
        std::thread::sleep(Duration::from_millis(10));
    }
    shim.signal(Signal::SIGCONT);
    let answer = lambda.wait_for_answer(&id).status_and_log();
    assert_eq!(answer, (500, "fine\n".to_owned()));
    proot.iter().for_each(expect_no_files_of);
    lambda.stop();
}

#[test]
fn a_killed_shim_takes_its_run_with_it_and_the_next_is_served() {
    for mode in [Mode::NativeP1, Mode::NativeF1] {
        let Some((_sandbox, mut lambda)) = function(mode, SLEEPS_WHEN_ASKED, &json!({})) else {
            return;
        };
        for _ in 0..3 {
            let (id, proot) = sleeping_run(&mut lambda, mode);
            process(&lambda, is_shim).kill();
            let killed = Instant::now();
            let answer = lambda.wait_for_answer(&id).status_and_log();
            assert!(killed.elapsed() < KILLED_IN, "{mode:?}");
            assert_eq!(answer, (500, "fine\n".to_owned()), "{mode:?}");
            let left = lambda.others();
            assert!(!left.iter().any(sleeps), "{mode:?}: {left:#?}");
            proot.iter().for_each(expect_no_files_of);
        }
        lambda.stop();
    }
}

#[test]
fn a_daemon_that_hides_goes_with_a_run_that_kills_its_shim() {
    // Nothing ties it to the run: neither its parent and session nor its variables and files.
    let daemon = "(setsid env -i /bin/sleep 27182 < /dev/null > /dev/null 2>&1 &)";
    let script = format!("{daemon}; sleep 0.3; kill -9 $PPID; sleep 60");
    let sandbox = Sandbox::new(Mode::NativeF1);
    let run = sandbox.script(&script).run();
    let left = e2e::command_lines();
    let is_daemon = |line: &Vec<u8>| line.ends_with(b"/bin/sleep\x0027182\0");
    assert!(!left.iter().any(is_daemon), "it runs on");
    run.expect_code(137);
    sandbox.expect_clean();
}

#[test]
fn a_run_goes_with_the_supervisor() {
    for mode in [Mode::NativeP1, Mode::NativeF1] {
        for signal in [Signal::SIGTERM, Signal::SIGKILL] {
            let Some((sandbox, mut lambda)) = function(mode, SLEEPS_WHEN_ASKED, &json!({})) else {
                return;
            };
            let (_id, proot) = sleeping_run(&mut lambda, mode);
            lambda.process().signal(signal);
            wait_until_gone(&sandbox.path(""), KILLED_IN);
            proot.iter().for_each(expect_no_files_of);
            if signal == Signal::SIGKILL {
                sandbox.clear_after_kill();
            } else {
                sandbox.expect_clean();
            }
        }
    }
}

/// proot's temporary files go with it, also those that it makes in `/tmp` whatever it is told.
#[track_caller]
fn expect_no_files_of(proot: &Process) {
    let of_it = format!("-{}-", proot.pid);
    let there = || -> Vec<_> {
        let all = std::fs::read_dir("/tmp").unwrap().flatten();
        let names = all.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.contains(&of_it)).collect()
    };
    let asked = Instant::now();
    while !there().is_empty() {
        assert!(asked.elapsed() < KILLED_IN, "{:?}", there());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn an_engine_that_cannot_be_started_is_named() {
    let mut sandbox = Sandbox::new(Mode::NativeP1);
    // The image is prepared with a proot that works.
    sandbox.script("echo ran").run().expect_code(0);
    let broken = sandbox.write("broken-proot", "no program");
    std::fs::set_permissions(&broken, std::fs::Permissions::from_mode(0o755)).unwrap();
    sandbox.set("UDOCKER_USE_PROOT_EXECUTABLE", broken);
    let run = sandbox.script("echo ran").run();
    run.expect_code(1)
        .expect_stderr("cannot start")
        .expect_stderr("broken-proot")
        .expect_stderr("Exec format error");
    sandbox.expect_clean();
}

#[test]
fn a_first_process_outside_of_its_container_becomes_nothing() {
    use std::os::unix::process::CommandExt as _;
    let sandbox = Sandbox::new(Mode::NativeP1);
    // As it is left by a proot that is killed while it starts: its words are there, the path that proot translates is not.
    let handoff = sandbox.path("work");
    let mut init = sandbox.command(&e2e::supervisor());
    init.arg0("faas-init").arg(handoff).arg("in-proot");
    let run = init.stdin(std::process::Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(126), "{said}");
    assert!(said.contains("translates no paths"), "{said}");
    assert!(!said.contains("faas-init: pid"), "it begins: {said}");
}
