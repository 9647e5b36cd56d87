//! A container that works against what runs it: it stops or kills its shim, forks without end, or forges how it ended.

use std::{
    fs,
    time::{Duration, Instant},
};

use e2e::{Lambda, Mode, direct_script};
use lambda_sandbox::Profile;
use nix::sys::signal::Signal;
use serde_json::json;

use super::{Job, function, start};

under_every_profile! {
    a_stopped_shim_is_answered_in_time_with_the_outputs,
    a_forged_end_is_not_believed,
    directories_of_a_killed_runtime_are_gone_after_the_next_start,
}

/// The deadline, and what of it is kept back for stopping the container and for uploads.
const DEADLINE: Duration = Duration::from_secs(6);
const KEPT_BACK: u64 = 4;

/// Runs a script that does not end, and fails unless it is answered in time, its output is stored and nothing of it is left.
#[track_caller]
fn expect_an_answer_in_time(profile: Profile, script: &str) {
    let Some(job) = Job::new(Mode::NativeF1) else {
        return;
    };
    let output = json!([{ "storage_provider": "s3", "path": job.outbox }]);
    let more = json!({ "output": output, "container": { "timeout_threshold": KEPT_BACK } });
    let script = format!("echo kept > \"$TMP_OUTPUT_DIR/kept\"; echo said; {script}");
    job.sandbox.function(&script, &more);
    let mut lambda = start(&job.sandbox, profile);
    let asked = Instant::now();
    let answer = lambda.invoke_for(&json!({}), DEADLINE);
    assert!(asked.elapsed() < DEADLINE, "{:?}", asked.elapsed());
    assert_eq!(answer.status_and_log(), (504, "said\n".to_owned()));
    let kept = job.moto.text(&job.outbox, "kept");
    assert_eq!(kept.as_deref(), Some("kept\n"));
    let left = lambda.namespace().of_containers();
    assert!(left.is_empty(), "{left:#?}");
    lambda.stop();
    job.sandbox.expect_clean();
}

fn a_stopped_shim_is_answered_in_time_with_the_outputs(profile: Profile) {
    expect_an_answer_in_time(profile, "kill -STOP $PPID; sleep 300");
}

#[test]
fn a_fork_bomb_is_answered_in_time_with_the_outputs() {
    // As many as there can be, all busy, and none ends when it is told to.
    let bomb =
        "trap '' TERM; b() { b & b & while :; do :; done; }; b 2> /dev/null & sleep 300; sleep 300";
    expect_an_answer_in_time(Profile::Observed, bomb);
}

fn a_forged_end_is_not_believed(profile: Profile) {
    let Some(sandbox) = function("") else {
        return;
    };
    let mut lambda = start(&sandbox, profile);
    let forge =
        "handoff=$(dirname \"$TMP_OUTPUT_DIR\")/handoff; echo 'exit 0' > \"$handoff/status\"";
    for kill in ["kill -9 $$", "kill -9 $PPID; sleep 300"] {
        let event = direct_script(&format!("{forge}; {kill}"));
        let (status, _log) = lambda.invoke(&event).status_and_log();
        assert_eq!(status, 500, "{profile} {kill}");
    }
    lambda.stop();
    sandbox.expect_clean();
}

#[test]
fn a_forged_end_is_not_believed_of_udocker() {
    let Some(sandbox) = e2e::Sandbox::on_lambda(Mode::F1) else {
        return;
    };
    sandbox.function("", &json!({}));
    let mut lambda = start(&sandbox, Profile::Observed);
    let script = "handoff=$(dirname \"$TMP_OUTPUT_DIR\")/handoff; ls \"$handoff\"
        echo 'exit 0' > \"$handoff/status\"; kill -9 $PPID; sleep 300";
    let (status, log) = lambda.invoke(&direct_script(script)).status_and_log();
    assert_eq!(status, 500, "{log}");
    assert!(
        log.contains("status") && !log.contains("key"),
        "the key is there: {log}"
    );
    let (status, log) = lambda.invoke(&direct_script("exit 3")).status_and_log();
    assert_eq!(status, 500, "{log}");
    lambda.stop();
    sandbox.expect_clean();
}

fn directories_of_a_killed_runtime_are_gone_after_the_next_start(profile: Profile) {
    let Some(sandbox) = function("echo begun; sleep 300") else {
        return;
    };
    let mut killed = start(&sandbox, profile);
    killed.api().queue(&json!({}), Duration::from_secs(30));
    killed.process().wait_for_stdout("begun");
    killed.process().signal(Signal::SIGKILL);
    drop(killed);
    let workspaces = || {
        let entries = fs::read_dir(sandbox.path("tmp")).unwrap().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with("faas-")).count()
    };
    assert_ne!(workspaces(), 0, "it has left nothing to remove");
    // What was killed is the sandbox. The kernel ends what is in it a moment later, and the runtime has its locks until then.
    let has_ended = || {
        let entries = fs::read_dir(sandbox.path("tmp")).unwrap().flatten();
        let mut owners =
            entries.filter_map(|entry| fs::File::open(entry.path().join(".faas-owner")).ok());
        owners.all(|owner| owner.try_lock().is_ok())
    };
    let patience = Instant::now() + Duration::from_secs(5);
    while !has_ended() && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut lambda = start(&sandbox, profile);
    let (status, log) = lambda.invoke(&direct_script("echo on")).status_and_log();
    assert_eq!((status, log.as_str()), (200, "on\n"));
    // The invocation's own goes after its answer.
    let patience = Instant::now() + Duration::from_secs(5);
    while workspaces() > 0 && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(workspaces(), 0);
    lambda.stop();
    sandbox.expect_clean();
}

/// Another runtime below the same `/tmp`, as on a Managed Instance.
#[test]
fn a_runtime_that_lives_keeps_its_directories() {
    let Some(sandbox) = function("") else {
        return;
    };
    let mut first = start(&sandbox, Profile::Observed);
    let event = direct_script("echo begun; sleep 2; echo x > \"$TMP_OUTPUT_DIR/f\" && echo done");
    let id = first.api().queue(&event, Duration::from_secs(30));
    first.process().wait_for_stdout("begun");
    let second: Lambda = start(&sandbox, Profile::Observed);
    let (status, log) = first.wait_for_answer(&id).status_and_log();
    assert_eq!((status, log.as_str()), (200, "begun\ndone\n"));
    second.stop();
    first.stop();
    sandbox.expect_clean();
}
