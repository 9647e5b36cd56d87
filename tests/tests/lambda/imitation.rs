//! The imitation of Lambda's sandbox itself: what a program meets in it, and what is noticed of what it leaves.

use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant, UNIX_EPOCH};

use e2e::{Finished, FreezeBy, Jump, Lambda, Mode, Sandbox, WallClock};
use serde_json::json;

/// Runs a shell's line in a sandbox.
fn run(sandbox: &Sandbox, line: &str) -> Finished {
    let shell = ["/bin/sh", "-c", line].map(Into::into);
    sandbox.enter().through(shell.to_vec()).run()
}

#[test]
fn a_program_meets_what_a_function_meets() {
    let Some(sandbox) = Sandbox::on_lambda(Mode::NativeF1) else {
        return;
    };
    let line = "id -u; id -g; id -G; echo $$; pwd; readlink /proc/self/fd/0; ls /dev | tr '\\n' ' '; echo
        grep -E '^(NoNewPrivs|CapEff|Seccomp):' /proc/self/status | tr -d '\\t'
        touch /file /var/task/file 2> /dev/null || echo read-only; touch /tmp/file && rm /tmp/file && echo writable
        ls /tmp; ls /sys 2>&1 | head -n 1 | grep -c cannot; ulimit -n; [ -r /proc/7/environ ] && echo sees the extension
        kill -0 7 && echo may send it a signal; setpriv --nnp true 2>&1 | grep -c 'not permitted'; wc -c < /etc/group";
    let said = run(&sandbox, line).stdout();
    let expected = "993\n990\n990\n8\n/var/task\n/dev/null\nfull null random stderr stdin stdout urandom zero \n\
        CapEff:0000000000000000\nNoNewPrivs:1\nSeccomp:2\nread-only\nwritable\nshared\n1\n1024\n\
        sees the extension\nmay send it a signal\n1\n0\n";
    assert_eq!(said, expected);
}

#[test]
fn its_environment_is_the_platforms() {
    let Some(sandbox) = Sandbox::on_lambda(Mode::NativeF1) else {
        return;
    };
    let said = run(&sandbox, "env").stdout();
    let names: Vec<&str> = said
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0))
        .collect();
    for absent in ["HOME", "TMPDIR", "USER", "SHELL"] {
        assert!(!names.contains(&absent), "{said}");
    }
    for name in names {
        let known = ["AWS_", "LAMBDA_", "UDOCKER_"]
            .iter()
            .any(|start| name.starts_with(start));
        let others = ["LANG", "LD_LIBRARY_PATH", "PATH", "PWD", "TZ", "_HANDLER"];
        assert!(known || others.contains(&name), "{name}");
    }
}

#[test]
fn both_umasks_come_in_turn() {
    let Some(sandbox) = Sandbox::on_lambda(Mode::NativeF1) else {
        return;
    };
    let mut umasks = [0; 2].map(|_| run(&sandbox, "umask").stdout());
    umasks.sort();
    assert_eq!(umasks, ["0022\n", "0077\n"]);
}

#[test]
fn what_outlives_the_runtime_is_noticed() {
    for (line, noticed) in [
        (
            "setsid sleep 31416 > /dev/null 2>&1 & sleep 0.5",
            "sleep 31416",
        ),
        ("kill -9 7; sleep 0.5", "the extension is gone"),
        ("true", ""),
    ] {
        let Some(sandbox) = Sandbox::on_lambda(Mode::NativeF1) else {
            return;
        };
        run(&sandbox, line);
        let outlived = sandbox.take_outlived();
        assert!(outlived.contains(noticed), "{outlived}");
        assert_eq!(outlived.is_empty(), noticed.is_empty(), "{outlived}");
    }
}

#[test]
fn what_is_frozen_does_nothing_until_it_is_thawed() {
    for by in [FreezeBy::Cgroup, FreezeBy::Signals] {
        let Some(sandbox) = Sandbox::on_lambda(Mode::NativeF1) else {
            return;
        };
        let script =
            "echo begun; while :; do echo x >> \"$TMP_OUTPUT_DIR/ticks\"; sleep 0.01; done";
        sandbox.function(script, &json!({}));
        let mut lambda = Lambda::start(&sandbox);
        let id = lambda.api().queue(&json!({}), Duration::from_secs(6));
        lambda.process().wait_for_stdout("begun");
        let ticks = ticks(&sandbox);
        let length = || fs::metadata(&ticks).unwrap().len();
        lambda.freeze(by);
        let frozen = length();
        sleep(Duration::from_millis(200));
        assert_eq!(length(), frozen, "{by:?}");
        lambda.thaw();
        let thawed = Instant::now();
        while length() == frozen {
            assert!(thawed.elapsed() < Duration::from_secs(5), "{by:?}");
            sleep(Duration::from_millis(10));
        }
        assert!(lambda.api().reply(&id, Duration::from_secs(20)).is_some());
        lambda.stop();
    }
}

/// Prints what the clocks show, in milliseconds: first those that go on, then the wall clock by each way to ask for it. Once
/// more when the wall clock has jumped by a day.
const CLOCKS: &str = "
import ctypes, time
libc = ctypes.CDLL(None)
moment = (ctypes.c_long * 2)()
def by(call, *arguments):
    call(*arguments, moment, None)
    return moment[0]
def ask():
    clocks = [time.clock_gettime(id) for id in (1, 4, 6, 7, 0, 5, 11)]
    calls = [time.time(), by(libc.gettimeofday), libc.time(None), by(libc.syscall, 96), libc.syscall(201, None)]
    print(*(round(seconds * 1000) for seconds in clocks + calls), flush=True)
begun = time.time(), time.monotonic()
ask()
while abs(time.time() - begun[0]) < 80000 and time.monotonic() - begun[1] < 20:
    time.sleep(0.01)
ask()
";

#[test]
fn the_wall_clock_jumps_and_no_other_does() {
    const DAY: Duration = Duration::from_hours(24);
    /// How many of the numbers are of clocks that go on.
    const OTHERS: usize = 4;
    for (jump, expected) in [
        (Jump::Ahead(DAY), 86_400_000),
        (Jump::Back(DAY), -86_400_000),
    ] {
        let Some(sandbox) = Sandbox::on_lambda(Mode::NativeF1) else {
            return;
        };
        let clock = WallClock::of(&sandbox);
        let program = ["/bin/sh", "-c", "python3 -c \"$0\"; date +%s000", CLOCKS].map(Into::into);
        let mut running = sandbox
            .enter()
            .confinement(|confinement| confinement.clock(&clock))
            .through(program.to_vec())
            .start();
        running.wait_for_stdout("\n");
        clock.jump(jump);
        let run = running.wait();
        let said = run.stdout();
        let numbers = said.lines().map(|line| {
            let words = line.split(' ');
            words
                .map(|word| word.parse().unwrap())
                .collect::<Vec<i64>>()
        });
        let numbers: Vec<_> = numbers.collect();
        assert_eq!(numbers.len(), 3, "{said}{}", run.stderr());
        for (index, (before, after)) in numbers[0].iter().zip(&numbers[1]).enumerate() {
            let by = if index < OTHERS { 0 } else { expected };
            // Whole seconds are rounded down.
            let apart = after - before - by;
            assert!((-1000..15_000).contains(&apart), "{index} {jump:?}: {said}");
        }
        let now = clock.now().duration_since(UNIX_EPOCH).unwrap();
        let apart = i64::try_from(now.as_millis()).unwrap() - numbers[2][0];
        assert!((-1000..15_000).contains(&apart), "{jump:?}: {said}");
    }
}

/// The file that the script writes, once it is there.
fn ticks(sandbox: &Sandbox) -> PathBuf {
    let asked = Instant::now();
    loop {
        let workspaces = fs::read_dir(sandbox.path("tmp")).unwrap().flatten();
        let mut files = workspaces.map(|entry| entry.path().join("0/output/ticks"));
        if let Some(found) = files.find(|file| file.exists()) {
            return found;
        }
        assert!(asked.elapsed() < Duration::from_secs(5), "it does not tick");
        sleep(Duration::from_millis(10));
    }
}
