//! What a container starts is gone when its run is over, whatever it did to hide; what is the platform's stays.

use std::time::{Duration, Instant};

use e2e::{KILLED_IN, Lambda, Sandbox, direct_script};
use lambda_sandbox::Profile;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::sandbox::{function, start};

under_every_profile! {
    a_container_that_ignores_its_end_is_answered_at_the_deadline_and_gone,
    a_daemon_is_dead_after_the_run_and_after_the_deadline,
    what_an_extension_starts_during_a_run_is_left_alone,
    a_container_that_kills_what_started_it_leaves_nothing,
    a_runtime_that_is_killed_leaves_no_process,
}

/// Starts a daemon as daemons start: forked twice, in a session of its own, without streams, without variables.
const DAEMON: &str = "
    (setsid sh -c 'for fd in 3 4 5 6 7 8 9; do eval \"exec $fd>&-\"; done
        (exec env -i /bin/sleep 31415 < /dev/null > /dev/null 2>&1) & exit 0' < /dev/null > /dev/null 2>&1 &)
    sleep 0.3; echo started";

/// Fails unless nothing of a container runs in the sandbox, and the platform's own does.
#[track_caller]
fn expect_nothing_of_containers(lambda: &Lambda) {
    let left = lambda.namespace().of_containers();
    assert!(left.is_empty(), "{left:#?}");
    assert!(
        lambda.namespace().extension().is_some(),
        "it killed the extension"
    );
}

/// Fails unless the function serves on.
#[track_caller]
fn expect_it_serves(lambda: &mut Lambda) {
    let (status, log) = lambda.invoke(&direct_script("echo on")).status_and_log();
    assert_eq!((status, log.as_str()), (200, "on\n"));
    expect_nothing_of_containers(lambda);
}

#[track_caller]
fn end(lambda: Lambda, sandbox: &Sandbox) {
    lambda.stop();
    sandbox.expect_clean();
}

fn a_container_that_ignores_its_end_is_answered_at_the_deadline_and_gone(profile: Profile) {
    let script =
        "trap '' TERM; echo so far; setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' &
        sleep 300; sleep 300";
    let Some(sandbox) = function(script) else {
        return;
    };
    let mut lambda = start(&sandbox, profile);
    for _ in 0..2 {
        let (asked, limit) = (Instant::now(), Duration::from_secs(4));
        let answer = lambda.invoke_for(&json!({}), limit);
        assert!(asked.elapsed() < limit, "{:?}", asked.elapsed());
        let (status, log) = answer.status_and_log();
        assert_eq!((status, log.as_str()), (504, "so far\n"), "{profile}");
        expect_nothing_of_containers(&lambda);
    }
    expect_it_serves(&mut lambda);
    end(lambda, &sandbox);
}

fn a_daemon_is_dead_after_the_run_and_after_the_deadline(profile: Profile) {
    let Some(sandbox) = function("") else {
        return;
    };
    let mut lambda = start(&sandbox, profile);
    let (status, log) = lambda.invoke(&direct_script(DAEMON)).status_and_log();
    assert_eq!((status, log.as_str()), (200, "started\n"), "{profile}");
    expect_nothing_of_containers(&lambda);
    let endless = direct_script(&format!("{DAEMON}; sleep 300"));
    let answer = lambda.invoke_for(&endless, Duration::from_secs(4));
    assert_eq!(answer.status_and_log(), (504, "started\n".to_owned()));
    expect_nothing_of_containers(&lambda);
    end(lambda, &sandbox);
}

fn what_an_extension_starts_during_a_run_is_left_alone(profile: Profile) {
    let Some(sandbox) = function("") else {
        return;
    };
    let mut lambda = start(&sandbox, profile);
    expect_it_serves(&mut lambda);
    let extension = lambda.namespace().extension().unwrap();
    for (children, script) in [(1, "sleep 1"), (2, "sleep 300")] {
        let event = direct_script(&format!("echo begun {children}; {script}"));
        let id = lambda.api().queue(&event, Duration::from_secs(5));
        lambda
            .process()
            .wait_for_stdout(&format!("begun {children}"));
        kill(Pid::from_raw(extension), Signal::SIGUSR2).unwrap();
        assert!(lambda.api().reply(&id, Duration::from_secs(10)).is_some());
        assert_eq!(lambda.namespace().children_of_the_extension(), children);
        expect_nothing_of_containers(&lambda);
    }
    end(lambda, &sandbox);
}

fn a_container_that_kills_what_started_it_leaves_nothing(profile: Profile) {
    let Some(sandbox) = function("") else {
        return;
    };
    let mut lambda = start(&sandbox, profile);
    expect_it_serves(&mut lambda);
    for _ in 0..2 {
        lambda.invoke(&direct_script(
            "(setsid sleep 300 &); kill -9 $PPID; sleep 300",
        ));
        expect_nothing_of_containers(&lambda);
        let kept = sandbox.kept();
        assert!(kept.len() <= 1, "{kept:?}");
    }
    expect_it_serves(&mut lambda);
    end(lambda, &sandbox);
}

fn a_runtime_that_is_killed_leaves_no_process(profile: Profile) {
    let Some(sandbox) = function("echo begun; setsid sleep 300 & sleep 300") else {
        return;
    };
    let mut lambda = Lambda::start_with(&sandbox, |launch| {
        launch.confinement(|confinement| {
            // Long enough to look: the namespace ends with its first process, and everything in it.
            confinement.profile(profile).linger(KILLED_IN * 2)
        })
    });
    lambda.api().queue(&json!({}), Duration::from_secs(30));
    lambda.process().wait_for_stdout("begun");
    lambda.process().signal(Signal::SIGKILL);
    lambda.namespace().wait_until_alone(KILLED_IN);
    assert!(lambda.namespace().extension().is_some());
    drop(lambda);
    sandbox.clear_after_kill();
}
