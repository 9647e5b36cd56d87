//! What a supervisor leaves in its temporary directory, and what it may keep there between two invocations.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Longest that a supervisor takes to make the next run ready, on a busy machine.
const READY_IN: Duration = Duration::from_secs(2);

/// What there is in a supervisor's `TMPDIR`, see [`Sandbox::kept`].
#[track_caller]
pub(crate) fn kept_below(directory: &Path) -> Vec<PathBuf> {
    let made = |workspace: &PathBuf| workspace.join("0/handoff/status").exists();
    // It may be just being made.
    let known = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        !name.starts_with("faas-") || name.starts_with("faas-init-")
    };
    let asked = Instant::now();
    let (next, kept) = loop {
        let (next, kept): (Vec<_>, Vec<_>) = entries(directory)
            .into_iter()
            .partition(|path| path.join("tmp").is_dir());
        if next.iter().all(made) && kept.iter().all(known) || asked.elapsed() > READY_IN {
            break (next, kept);
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(next.len() <= 1 && next.iter().all(made), "{next:?}");
    for workspace in next {
        for part in ["0/input", "0/output"] {
            let files = entries(&workspace.join(part));
            assert!(files.is_empty(), "{files:?}");
        }
        let mut made = entries(&workspace.join("0"));
        made.sort();
        let made: Vec<_> = made.iter().filter_map(|path| path.file_name()).collect();
        assert_eq!(made, ["handoff", "input", "output"]);
    }
    kept
}

/// The paths in a directory.
pub(crate) fn entries(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect()
}
