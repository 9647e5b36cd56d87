//! Each run finds the image as it was made, whatever the last one did to it, with the overlay and where none can be had.

use std::time::Duration;

use e2e::{Lambda, Launch, Mode, Sandbox};
use nix::sys::signal::Signal;
use serde_json::json;

/// Modes whose changes are kept away or undone, with the overlay or without.
const PLACES: [(Mode, Overlay); 8] = [
    (Mode::NativeF1, Overlay::Allowed),
    (Mode::NativeF1, Overlay::Off),
    (Mode::NativeP1, Overlay::Allowed),
    (Mode::NativeP1, Overlay::Off),
    (Mode::F1, Overlay::Allowed),
    (Mode::F1, Overlay::Off),
    (Mode::P1, Overlay::Allowed),
    (Mode::P1, Overlay::Off),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Overlay {
    Allowed,
    Off,
}

fn sandbox(mode: Mode, overlay: Overlay) -> Sandbox {
    let mut sandbox = Sandbox::new(mode);
    if overlay == Overlay::Off {
        sandbox.set("FAAS_OVERLAY", "off");
    }
    sandbox
}

/// Tells what is there, then changes it in every way.
const VANDAL: &str = "
    cat /etc/passwd /etc/group; for f in /etc/new /opt/made/deep /etc/link /var/mark; do [ -e $f ] && echo $f is there; done
    [ -d /home ] && echo home; [ -x /etc/passwd ] && echo executable; [ -w /var ] && echo may write
    echo line >> /etc/passwd; rm /etc/group; echo new > /etc/new; mkdir -p /opt/made/deep; ln -s /etc /etc/link
    chmod 777 /etc/passwd; mv /home /moved; echo x > /var/mark; mkdir /var/closed; chmod 0 /var/closed; echo done";

#[test]
fn what_a_run_changes_is_not_there_for_the_next() {
    for (mode, overlay) in PLACES {
        let sandbox = sandbox(mode, overlay);
        sandbox.function(VANDAL, &json!({}));
        let mut lambda = Lambda::start_unconfined(&sandbox, |launch| launch);
        let what = format!("{mode:?} {overlay:?}");
        let first = Some(expect_the_same_three_times(&mut lambda, &what));
        let run = lambda.stop();
        assert!(!run.stderr().contains("anew"), "{}", run.stderr());
        // A supervisor of its own finds the same.
        let run = sandbox.invoke_local(&json!({})).run();
        run.expect_code(0);
        assert_eq!(Some(run.stdout()), first, "{mode:?} {overlay:?}");
    }
}

/// Three invocations of the vandal; what each finds.
#[track_caller]
fn expect_the_same_three_times(lambda: &mut Lambda, what: &str) -> String {
    let mut first = None;
    for turn in 0..3 {
        let (status, log) = lambda.invoke(&json!({})).status_and_log();
        assert_eq!(status, 200, "{what} {turn}: {log}");
        assert!(log.contains("home") && log.contains("root:"), "{log}");
        assert!(
            !log.contains("is there") && !log.contains("line"),
            "{what} {turn}: {log}"
        );
        let first = first.get_or_insert_with(|| log.clone());
        assert_eq!(first, &log, "{what} {turn}");
    }
    first.unwrap()
}

/// On Lambda nobody mounts an overlay: what is changed is written down, and undone.
#[test]
fn on_lambda_what_a_run_changes_is_not_there_for_the_next() {
    for mode in [Mode::F1, Mode::NativeF1] {
        let Some(sandbox) = Sandbox::on_lambda(mode) else {
            return;
        };
        sandbox.function(VANDAL, &json!({}));
        let examined = sandbox.enter().args(["doctor", "--json"]).run();
        assert_eq!(examined.json()["changes"], "journal", "{mode:?}");
        let mut logs = Vec::new();
        // The second environment finds the container of the first one.
        for environment in 0..2 {
            let mut lambda = Lambda::start(&sandbox);
            let what = format!("{mode:?} {environment}");
            logs.push(expect_the_same_three_times(&mut lambda, &what));
            let run = lambda.stop();
            assert!(!run.stderr().contains("anew"), "{}", run.stderr());
        }
        assert_eq!(logs[0], logs[1], "{mode:?}");
    }
}

#[test]
fn on_lambda_changes_of_a_run_that_was_killed_are_not_there_for_the_next() {
    for mode in [Mode::F1, Mode::NativeF1] {
        let Some(sandbox) = Sandbox::on_lambda(mode) else {
            return;
        };
        let script = "[ -e /etc/mark ] && echo is there; echo x > /etc/mark; echo changed
            case \"$EVENT\" in *long*) sleep 300;; esac";
        sandbox.function(script, &json!({}));
        let mut lambda = Lambda::start(&sandbox);
        lambda.api().queue(&json!("long"), Duration::from_mins(1));
        lambda.process().wait_for_stdout("changed");
        lambda.process().signal(Signal::SIGKILL);
        drop(lambda);
        sandbox.clear_after_kill();
        let mut lambda = Lambda::start(&sandbox);
        let (status, log) = lambda.invoke(&json!("short")).status_and_log();
        assert_eq!((status, log.as_str()), (200, "changed\n"), "{mode:?}");
        lambda.stop();
    }
}

#[test]
fn a_large_file_that_is_changed_in_place_costs_one_new_container() {
    // More than is kept of files that nobody is expected to change.
    let Some(sandbox) = Sandbox::on_lambda(Mode::NativeF1) else {
        return;
    };
    let large = "/usr/lib/x86_64-linux-gnu/libc.so.6";
    expect_one_new_container(large, &sandbox, Lambda::start_with);
}

/// The same where proot runs: on a container host.
#[test]
fn a_large_file_that_is_changed_in_place_costs_one_new_container_under_proot() {
    let sandbox = sandbox(Mode::NativeP1, Overlay::Off);
    expect_one_new_container("/bin/busybox", &sandbox, Lambda::start_unconfined);
}

type Change = fn(Launch) -> Launch;

fn expect_one_new_container(large: &str, sandbox: &Sandbox, start: fn(&Sandbox, Change) -> Lambda) {
    let script = format!("wc -c < {large}; printf x >> {large}");
    sandbox.function(&script, &json!({}));
    let mut lambda = start(sandbox, |launch| launch);
    let logs: Vec<String> = (0..4)
        .map(|_| lambda.invoke(&json!({})).status_and_log().1)
        .collect();
    assert!(logs.iter().all(|log| log == &logs[0]), "{logs:?}");
    let run = lambda.stop();
    assert_eq!(
        run.stderr().matches("made anew").count(),
        1,
        "{}",
        run.stderr()
    );
}

#[test]
fn changes_of_a_run_that_was_killed_with_its_supervisor_are_not_there_for_the_next() {
    for (mode, overlay) in PLACES {
        let sandbox = sandbox(mode, overlay);
        let script =
            "[ -e /etc/mark ] && echo is there; echo x > /etc/mark; echo changed; sleep \"$PAUSE\"";
        sandbox.function(script, &json!({}));
        let mut running = sandbox
            .invoke_local(&json!({}))
            .args(["--env", "PAUSE=300"])
            .start();
        running.wait_for_stdout("changed");
        running.signal(Signal::SIGKILL);
        running.wait();
        let run = sandbox
            .invoke_local(&json!({}))
            .args(["--env", "PAUSE=0"])
            .within(Duration::from_secs(30))
            .run();
        run.expect_code(0);
        assert_eq!(
            run.stdout(),
            "changed\n",
            "{mode:?} {overlay:?}: {}",
            run.stderr()
        );
        sandbox.clear_after_kill();
    }
}

#[test]
fn runs_at_once_do_not_see_each_others_changes() {
    for (mode, overlay) in PLACES {
        let sandbox = sandbox(mode, overlay);
        let script = "echo \"$TURN\" > /etc/mine; sleep 1; cat /etc/mine; ls /var/lib/theirs 2>/dev/null; mkdir -p /var/lib/theirs/$$";
        sandbox.function(script, &json!({}));
        let runs: Vec<_> = (0..3)
            .map(|turn| {
                sandbox
                    .invoke_local(&json!({}))
                    .arg("--env")
                    .arg(format!("TURN={turn}"))
                    .within(Duration::from_mins(1))
                    .start()
            })
            .collect();
        for (turn, run) in runs.into_iter().enumerate() {
            let run = run.wait();
            run.expect_code(0);
            assert_eq!(run.stdout(), format!("{turn}\n"), "{mode:?} {overlay:?}");
        }
    }
}
