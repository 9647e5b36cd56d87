//! Measures the journal of a container's root, as a measuring instrument.
//!
//!     journal ROOT STATE
//!
//! `ROOT` is an unpacked image, `STATE` a directory on the same file system. Prints what it takes to take stock, in
//! milliseconds and memory, and to restore after each of some runs; all of them can be undone.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use faas_supervisor::container::journal::{Journal, Restored};

/// Each is measured so many times.
const TIMES: usize = 50;

type Run = (&'static str, fn(&Path) -> io::Result<()>);

const RUNS: [Run; 6] = [
    ("nothing", |_| Ok(())),
    ("a known file is written", |root| {
        fs::write(root.join("etc/hostname"), "x")
    }),
    ("a file is left in tmp", |root| {
        fs::write(root.join("tmp/x"), "x")
    }),
    ("a directory is made and removed", |root| {
        fs::create_dir(root.join("tmp/x"))?;
        fs::remove_dir(root.join("tmp/x"))
    }),
    ("a known file is replaced", |root| {
        fs::write(root.join("etc/x"), "x")?;
        fs::rename(root.join("etc/x"), root.join("etc/hostname"))
    }),
    ("100 files are left", |root| {
        fs::create_dir(root.join("tmp/d"))?;
        (0..100).try_for_each(|n| fs::write(root.join(format!("tmp/d/{n}")), "x"))
    }),
];

fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args_os().collect();
    let [_, root, state] = &arguments[..] else {
        anyhow::bail!("usage: journal ROOT STATE");
    };
    let (root, state) = (Path::new(root), Path::new(state));
    let mut out = io::stdout();
    let before = memory()?;
    let mut begun = Vec::new();
    for _ in 0..5 {
        let start = Instant::now();
        drop(Journal::begin(root, state)?);
        begun.push(start.elapsed());
    }
    let mut journal = Journal::begin(root, state)?;
    let grown = memory()?.saturating_sub(before);
    writeln!(out, "begin: {}, {grown} KiB", range(&mut begun))?;
    for (what, run) in RUNS {
        let mut took = Vec::new();
        for _ in 0..TIMES {
            journal.mark_dirty()?;
            run(root)?;
            let start = Instant::now();
            let restored = journal.restore()?;
            took.push(start.elapsed());
            if let Restored::Lost { paths } = restored {
                anyhow::bail!("lost: {paths:?}");
            }
        }
        writeln!(out, "{what}: {}", range(&mut took))?;
    }
    Ok(())
}

/// The shortest and the median.
fn range(took: &mut [Duration]) -> String {
    took.sort_unstable();
    let shortest = took.first().copied().unwrap_or_default();
    let median = took.get(took.len() / 2).copied().unwrap_or_default();
    format!("{shortest:.1?} (median {median:.1?})")
}

/// The resident memory, in KiB.
fn memory() -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.context("no VmRSS")?.parse()?)
}
