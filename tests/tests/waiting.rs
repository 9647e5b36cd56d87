//! What waits between invocations for the next one: a keeper, and in P modes the engine and the container's first process.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tests::{KILLED_IN, Lambda, Mode, Process, Sandbox, processes_naming, wait_until_gone};

/// Those who wait, by the names they have.
const KEEPER: &str = "faas-keeper ";
const FIRST: &str = " in-proot";
const PROOT: &str = "proot -v ";

/// Longest that they take to be there after an answer.
const READY_IN: Duration = Duration::from_secs(5);

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

/// The process that waits under this name. One that has served says that nothing is left before it ends: it is given the time.
#[track_caller]
fn waiting(lambda: &Lambda, name: &str) -> Process {
    const ENDS_IN: Duration = Duration::from_millis(50);
    let asked = Instant::now();
    loop {
        let first = called(lambda, name);
        std::thread::sleep(ENDS_IN);
        let again = called(lambda, name);
        if let ([first], [again]) = (first.as_slice(), again.as_slice())
            && first.pid == again.pid
        {
            return again.clone();
        }
        let all = lambda.others();
        assert!(asked.elapsed() < READY_IN, "no {name} in {all:#?}");
    }
}

/// The processes that have this name.
fn called(lambda: &Lambda, name: &str) -> Vec<Process> {
    let is_it = |process: &Process| match name {
        FIRST => process.command.ends_with(name) && process.command.starts_with("/.faas-init"),
        PROOT => process.command.contains(name),
        _ => process.command.starts_with(name),
    };
    let mut all = lambda.others();
    all.retain(is_it);
    all
}

#[test]
fn the_command_is_what_has_been_waiting() {
    // In P1 the first process itself becomes the command, in F1 the keeper is its parent.
    for (mode, script, name) in [
        (Mode::NativeP1, "echo $$", FIRST),
        (Mode::NativeF1, "echo $PPID", KEEPER),
    ] {
        let Some((_sandbox, mut lambda)) = function(mode, script, &json!({})) else {
            return;
        };
        let mut said = log(&mut lambda, &json!({}));
        for _ in 0..3 {
            let asked = Instant::now();
            let mut waits = said.clone();
            while waits == said {
                assert!(asked.elapsed() < READY_IN, "{mode:?}: still {said}");
                waits = waiting(&lambda, name).inside.to_string();
            }
            said = log(&mut lambda, &json!({}));
            assert_eq!(said, waits, "{mode:?}");
        }
        lambda.stop();
    }
}

#[test]
fn each_invocation_has_its_own_words_variables_and_directories() {
    for mode in [Mode::NativeP1, Mode::NativeF1] {
        let more = json!({ "init_script": null });
        let Some((sandbox, mut lambda)) = function(mode, "", &more) else {
            return;
        };
        let mut seen = Vec::new();
        for number in 0..4 {
            waits_after_the_first(&lambda, number);
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
            assert!(!sandbox.outside(Path::new(directory)).exists());
            for own in [directory, request] {
                assert!(!seen.contains(&own.to_owned()), "{own}");
                seen.push(own.to_owned());
            }
        }
        lambda.stop();
    }
}

fn waits_after_the_first(lambda: &Lambda, number: usize) {
    if number > 0 {
        waiting(lambda, KEEPER);
    }
}

#[test]
fn whatever_waits_may_be_killed() {
    for (mode, names) in [
        (Mode::NativeP1, vec![KEEPER, PROOT, FIRST]),
        (Mode::NativeF1, vec![KEEPER]),
    ] {
        let Some((_sandbox, mut lambda)) = function(mode, "echo fine", &json!({})) else {
            return;
        };
        assert_eq!(log(&mut lambda, &json!({})), "fine");
        for name in names.repeat(5) {
            let victim = waiting(&lambda, name);
            let proot = (mode == Mode::NativeP1).then(|| {
                waiting(&lambda, FIRST);
                waiting(&lambda, PROOT)
            });
            victim.kill();
            let answer = lambda.invoke(&json!({})).status_and_log();
            assert_eq!(answer, (200, "fine\n".to_owned()), "{mode:?} {name}");
            if let Some(proot) = proot {
                expect_no_files_of(&proot);
            }
        }
        lambda.stop();
    }
}

#[test]
fn nothing_runs_without_the_proot_it_was_to_run_in() {
    let Some((_sandbox, mut lambda)) = function(Mode::NativeP1, "echo fine", &json!({})) else {
        return;
    };
    assert_eq!(log(&mut lambda, &json!({})), "fine");
    let keeper = waiting(&lambda, KEEPER);
    waiting(&lambda, FIRST);
    let proot = waiting(&lambda, PROOT);
    // It is killed when the first process has been told what to become, and nobody sees that for a while: what it traced
    // runs on, on the host's root.
    proot.signal(Signal::SIGSTOP);
    let killed = proot.clone();
    let ending = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(400));
        keeper.signal(Signal::SIGSTOP);
        killed.kill();
        std::thread::sleep(Duration::from_millis(400));
        keeper.signal(Signal::SIGCONT);
    });
    let answer = lambda.invoke(&json!({})).status_and_log();
    ending.join().unwrap();
    assert_eq!(answer, (200, "fine\n".to_owned()));
    expect_no_files_of(&proot);
    lambda.stop();
}

#[test]
fn a_command_does_not_outlive_its_proot() {
    let script = "echo fine; case \"$EVENT\" in *long*) sleep 60; echo too long ;; esac";
    let Some((sandbox, mut lambda)) = function(Mode::NativeP1, script, &json!({})) else {
        return;
    };
    assert_eq!(log(&mut lambda, &json!({})), "fine");
    let keeper = waiting(&lambda, KEEPER);
    let first = waiting(&lambda, FIRST);
    let proot = waiting(&lambda, PROOT);
    let directory = sandbox.path("");
    let killed = proot.clone();
    let ending = std::thread::spawn(move || {
        let sleeps = |process: &Process| process.command.starts_with("sleep 60");
        let asked = Instant::now();
        while !processes_naming(&directory).iter().any(sleeps) {
            assert!(asked.elapsed() < Duration::from_secs(30), "it does not run");
            std::thread::sleep(Duration::from_millis(10));
        }
        // The keeper would do it, a moment later.
        keeper.signal(Signal::SIGSTOP);
        killed.kill();
        let asked = Instant::now();
        // One that nobody has collected yet has no words any more.
        let words = || std::fs::read(format!("/proc/{}/cmdline", first.pid)).unwrap_or_default();
        while !words().is_empty() && asked.elapsed() < KILLED_IN {
            std::thread::sleep(Duration::from_millis(10));
        }
        keeper.signal(Signal::SIGCONT);
        asked.elapsed()
    });
    let answer = lambda.invoke(&json!("long")).status_and_log();
    assert!(ending.join().unwrap() < KILLED_IN, "it runs on");
    assert_eq!(answer, (500, "fine\n".to_owned()));
    expect_no_files_of(&proot);
    lambda.stop();
}

#[test]
fn what_waits_goes_with_the_supervisor() {
    for mode in [Mode::NativeP1, Mode::NativeF1] {
        for signal in [Signal::SIGTERM, Signal::SIGKILL] {
            let Some((sandbox, mut lambda)) = function(mode, "echo fine", &json!({})) else {
                return;
            };
            log(&mut lambda, &json!({}));
            waiting(&lambda, KEEPER);
            let proot = (mode == Mode::NativeP1).then(|| {
                waiting(&lambda, FIRST);
                waiting(&lambda, PROOT)
            });
            lambda.process().signal(signal);
            wait_until_gone(&sandbox.path(""), KILLED_IN);
            if let Some(proot) = proot {
                expect_no_files_of(&proot);
            }
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
