//! What a supervisor leaves in its temporary directory, and what it may keep there between two invocations.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Longest that the workspace of an answered invocation takes to go, on a busy machine.
const GONE_IN: Duration = Duration::from_secs(2);

/// What there is in a supervisor's `TMPDIR`, see [`crate::Sandbox::kept`].
#[track_caller]
pub(crate) fn kept_below(directory: &Path) -> Vec<PathBuf> {
    let answered = Instant::now();
    loop {
        let kept = entries(directory);
        let workspaces: Vec<_> = kept.iter().filter(|path| is_workspace(path)).collect();
        if workspaces.is_empty() {
            return kept;
        }
        assert!(answered.elapsed() < GONE_IN, "still there: {workspaces:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Not the copy of the supervisor that containers see.
fn is_workspace(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("faas-") && !name.starts_with("faas-init-")
}

/// The paths in a directory.
pub(crate) fn entries(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect()
}
