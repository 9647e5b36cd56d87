//! The system calls found in real programs against those that objdump shows.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::{collections::BTreeSet, path::Path, process::Command};

use interpose::sites::{Text, Verdict};
use support::{Program, programs};

/// Addresses of the `syscall` instructions that objdump shows.
fn shown_by_objdump(path: &Path) -> BTreeSet<u64> {
    let output = Command::new("objdump")
        .args(["-d", "--no-show-raw-insn", "-w"])
        .arg(path)
        .output()
        .unwrap();
    assert!(output.status.success(), "objdump {}", path.display());
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text
        .lines()
        .filter(|line| line.split_whitespace().nth(1) == Some("syscall"));
    lines
        .map(|line| u64::from_str_radix(line.trim().split(':').next().unwrap(), 16).unwrap())
        .collect()
}

fn found(program: &Program) -> (BTreeSet<u64>, usize) {
    let (mut found, mut returns) = (BTreeSet::new(), 0);
    for (address, code) in program.texts() {
        let text = Text {
            code,
            address,
            frames: program.frames(),
        };
        for (offset, verdict) in text.occurrences() {
            if verdict != Verdict::NoSite {
                found.insert(address + offset as u64);
            }
            returns += usize::from(verdict == Verdict::Sigreturn);
        }
    }
    (found, returns)
}

#[test]
fn the_system_calls_of_real_programs_are_those_that_objdump_shows() {
    let mut total = 0;
    for path in programs() {
        let (ours, _) = found(&Program::read(&path));
        let theirs = shown_by_objdump(&path);
        // libcrypto has tables in its text: objdump takes bytes of one for a system call.
        let crypto = path.to_string_lossy().contains("libcrypto");
        let missed: Vec<_> = theirs.difference(&ours).collect();
        let more: Vec<_> = ours.difference(&theirs).collect();
        assert!(
            missed.is_empty() || crypto && missed.len() < 5,
            "{}: not found: {missed:x?}",
            path.display()
        );
        assert!(
            more.is_empty(),
            "{}: found where objdump shows none: {more:x?}",
            path.display()
        );
        println!("{}: {} of {}", path.display(), ours.len(), theirs.len());
        total += ours.len();
    }
    assert!(total > 1000, "{total} sites");
}

#[test]
fn the_return_from_a_signal_handler_is_never_replaced() {
    let libraries = [
        "/bin/busybox",
        "/usr/lib/x86_64-linux-musl/libc.so",
        "/lib/x86_64-linux-gnu/libc.so.6",
    ];
    for path in libraries {
        let (_, returns) = found(&Program::read(path.as_ref()));
        assert!((1..3).contains(&returns), "{path}: {returns}");
    }
}
