//! A wall clock that jumps, as it does after a thaw; the other clocks go on.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use e2e::{FreezeBy, Jump, Lambda, Mode, Sandbox, WallClock, direct_script, s3_event};
use lambda_sandbox::Profile;
use serde_json::{Value, json};

use crate::sandbox::{CAPITALS, Job, function};

under_every_profile! {
    jobs_go_on_after_a_jump_between_them,
    a_jump_during_a_run_neither_ends_nor_prolongs_it,
    a_deadline_holds_through_a_jump,
    a_clock_that_is_not_corrected_yet_says_nothing_about_the_deadline,
}

const HOUR: Duration = Duration::from_hours(1);
const MONTH: Duration = Duration::from_hours(30 * 24);
const JUMPS: [Jump; 4] = [
    Jump::Ahead(HOUR),
    Jump::Back(HOUR),
    Jump::Ahead(MONTH),
    Jump::Back(MONTH),
];
/// How far two readings of a clock may be apart, on a busy machine.
const APART: Duration = Duration::from_secs(20);

/// Starts a runtime with a clock that jumps.
fn start(sandbox: &Sandbox, profile: Profile) -> (Lambda, WallClock) {
    let clock = WallClock::of(sandbox);
    let lambda = Lambda::start_with(sandbox, |launch| {
        launch.confinement(|confinement| confinement.profile(profile).clock(&clock))
    });
    (lambda, clock)
}

/// The same with a platform whose deadlines go by that clock.
fn start_in_time(sandbox: &Sandbox, profile: Profile) -> (Lambda, WallClock) {
    let (lambda, clock) = start(sandbox, profile);
    lambda.api().keep_time_by(&clock);
    (lambda, clock)
}

/// Fails unless `seconds` since the epoch are `now`.
#[track_caller]
fn expect_now(now: SystemTime, seconds: u64) {
    let said = UNIX_EPOCH + Duration::from_secs(seconds);
    let apart = |a: SystemTime, b: SystemTime| a.duration_since(b).unwrap_or_default();
    let apart = apart(said, now).max(apart(now, said));
    assert!(apart < APART, "{said:?} is not {now:?}");
}

/// Ends it, and fails if it has left anything or measured a time that cannot be. When the supervisor has measured, by its own
/// clock, in seconds since the epoch.
#[track_caller]
fn end(lambda: Lambda, sandbox: &Sandbox) -> Vec<u64> {
    let run = lambda.stop();
    assert!(!run.stderr().contains("panicked"), "{}", run.stderr());
    let (stdout, stderr) = (run.stdout(), run.stderr());
    let lines = stdout.lines().chain(stderr.lines());
    let records = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut times = 0;
    let mut moments = Vec::new();
    for record in records {
        moments.extend(record["_aws"]["Timestamp"].as_u64().map(|at| at / 1000));
        let members = record.as_object().into_iter().flatten();
        let measured = members.filter(|(name, _)| name.ends_with("Time") || name.ends_with("_ms"));
        for (name, value) in measured {
            let milliseconds = value.as_f64().unwrap();
            assert!((0.0..60_000.0).contains(&milliseconds), "{name}: {record}");
            times += 1;
        }
    }
    assert!(times > 0, "no times in {stdout}{stderr}");
    sandbox.expect_clean();
    moments
}

fn jobs_go_on_after_a_jump_between_them(profile: Profile) {
    let Some(job) = Job::new(Mode::NativeF1) else {
        return;
    };
    let output = json!([{ "storage_provider": "s3", "path": job.outbox }]);
    let script = format!("{CAPITALS}; date +%s");
    job.sandbox.function(&script, &json!({ "output": output }));
    let (mut lambda, clock) = start_in_time(&job.sandbox, profile);
    let mut turns = Vec::new();
    for (turn, jump) in JUMPS.into_iter().enumerate() {
        let key = format!("turn-{turn}");
        job.moto.put(&job.inbox, &key, "text");
        let event = s3_event(&job.inbox, &key);
        let (status, log) = lambda.invoke(&event).status_and_log();
        assert_eq!(status, 200, "{profile} {turn}: {log}");
        expect_now(clock.now(), log.trim().parse().unwrap());
        turns.push(clock.now());
        let stored = job.moto.text(&job.outbox, &key);
        assert_eq!(stored.as_deref(), Some("TEXT"), "{profile} {turn}");
        lambda.freeze(FreezeBy::Cgroup);
        clock.jump(jump);
        lambda.thaw();
    }
    let measured = end(lambda, &job.sandbox);
    assert_eq!(measured.len(), turns.len());
    for (at, now) in measured.into_iter().zip(turns) {
        expect_now(now, at);
    }
}

/// Invokes it, and lets the clock jump once the container runs; the answer, and how long that took.
fn jump_during(
    lambda: &mut Lambda,
    clock: &WallClock,
    (turn, jump): (usize, Jump),
    script: &str,
    limit: Duration,
) -> (u64, String, Duration) {
    let event = direct_script(&format!("echo turn {turn}; {script}"));
    let asked = Instant::now();
    let id = lambda.api().queue(&event, limit);
    lambda.process().wait_for_stdout(&format!("turn {turn}\n"));
    clock.jump(jump);
    let (status, log) = lambda.wait_for_answer(&id).status_and_log();
    (status, log, asked.elapsed())
}

fn a_jump_during_a_run_neither_ends_nor_prolongs_it(profile: Profile) {
    let Some(sandbox) = function("") else {
        return;
    };
    let (mut lambda, clock) = start_in_time(&sandbox, profile);
    for (turn, jump) in JUMPS.into_iter().enumerate() {
        let script = "sleep 1; date +%s";
        let limit = Duration::from_secs(30);
        let (status, log, took) = jump_during(&mut lambda, &clock, (turn, jump), script, limit);
        assert_eq!(status, 200, "{profile} {jump:?}: {log}");
        let (_turn, seconds) = log.trim().split_once('\n').unwrap();
        expect_now(clock.now(), seconds.parse().unwrap());
        assert!(took >= Duration::from_secs(1) && took < limit, "{took:?}");
    }
    end(lambda, &sandbox);
}

fn a_deadline_holds_through_a_jump(profile: Profile) {
    let Some(sandbox) = function("") else {
        return;
    };
    let (mut lambda, clock) = start_in_time(&sandbox, profile);
    for (turn, jump) in JUMPS.into_iter().enumerate() {
        let limit = Duration::from_secs(5);
        let (status, log, took) =
            jump_during(&mut lambda, &clock, (turn, jump), "sleep 300", limit);
        assert_eq!(status, 504, "{profile} {jump:?}: {log}");
        assert!(took < limit, "{profile} {jump:?}: {took:?}");
        let left = lambda.namespace().of_containers();
        assert!(left.is_empty(), "{left:#?}");
    }
    end(lambda, &sandbox);
}

/// The platform's deadlines go by the right time, and the clock inside does not yet.
fn a_clock_that_is_not_corrected_yet_says_nothing_about_the_deadline(profile: Profile) {
    const TIMEOUT: Duration = Duration::from_secs(5);
    let Some(sandbox) = function("") else {
        return;
    };
    sandbox.function("", &json!({ "timeout": TIMEOUT.as_secs() }));
    for jump in [Jump::Ahead(HOUR), Jump::Back(HOUR)] {
        let (mut lambda, clock) = start(&sandbox, profile);
        clock.jump(jump);
        let event = direct_script("sleep 0.2; date +%s");
        let (status, log) = lambda.invoke_for(&event, TIMEOUT).status_and_log();
        assert_eq!(status, 200, "{profile} {jump:?}: {log}");
        expect_now(clock.now(), log.trim().parse().unwrap());
        let asked = Instant::now();
        let answer = lambda.invoke_for(&direct_script("echo on; sleep 300"), TIMEOUT);
        assert_eq!(
            answer.status_and_log(),
            (504, "on\n".to_owned()),
            "{jump:?}"
        );
        assert!(asked.elapsed() < TIMEOUT, "{jump:?}: {:?}", asked.elapsed());
        end(lambda, &sandbox);
    }
}
