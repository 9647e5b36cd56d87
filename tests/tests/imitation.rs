//! The imitation of Lambda's sandbox itself: what a program meets in it, and what is noticed of what it leaves.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;
use tests::{Finished, FreezeBy, Lambda, Mode, Sandbox};

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
        ("setsid sleep 31416 > /dev/null 2>&1 &", "sleep 31416"),
        ("kill -9 7", "the extension is gone"),
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
