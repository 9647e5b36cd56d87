//! After a run: what the engine and udocker leave in the container's directory goes, and the
//! container's scratch directories are as the image has them.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use super::prepare::Prepared;

/// Directories of the image that programs put files in without being told to.
const SCRATCH: [&str; 5] = ["tmp", "var/tmp", "run", "dev/shm", "root"];

/// The scratch directories and what they held before the first run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Baseline {
    directories: Vec<PathBuf>,
    entries: BTreeSet<PathBuf>,
}

impl Baseline {
    /// Takes stock of the container in `directory`; `working` is where its command starts.
    pub fn of(directory: &Path, working: Option<&str>) -> Self {
        let root = directory.join("ROOT");
        let working = working.map(|path| path.trim_start_matches('/'));
        let mut directories: Vec<PathBuf> = SCRATCH
            .into_iter()
            .chain(working)
            .map(|d| root.join(d))
            .collect();
        directories.dedup();
        let entries = directories.iter().flat_map(|d| entries(d)).collect();
        Self {
            directories,
            entries,
        }
    }

    /// Removes what has come since.
    fn restore(&self) {
        for path in self.directories.iter().flat_map(|d| entries(d)) {
            if !self.entries.contains(&path) {
                remove(&path);
            }
        }
    }
}

/// Entries of a real directory; a symbolic link may lead out of the container.
fn entries(directory: &Path) -> Vec<PathBuf> {
    match fs::symlink_metadata(directory) {
        Ok(meta) if meta.is_dir() => fs::read_dir(directory)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .collect(),
        _ => Vec::new(),
    }
}

/// Clears up behind one run of `prepared`; `record` was the directory it shared with the host.
///
/// `last` tells that no other run of the same container is going on.
pub fn after_run(prepared: &Prepared, record: &Path, last: Last) {
    remove_mount_point(&prepared.directory.join("ROOT"), record);
    remove_mount_notes(&prepared.directory.join(".mountpoints"), record);
    if last == Last::Yes {
        prepared.baseline.restore();
        remove_runc_state(&prepared.directory);
    }
}

/// Whether a run was the last one going on in its container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Last {
    /// What all runs share may be cleared up.
    Yes,
    /// Another supervisor is running the same container.
    No,
}

/// The directory udocker made in the image to mount the record's on, with its parents if they are
/// empty (they are not when the image has them).
fn remove_mount_point(root: &Path, record: &Path) {
    let Ok(relative) = record.strip_prefix("/") else {
        return;
    };
    let mut path = root.join(relative);
    let mut depth = relative.components().count();
    while depth > 0 && fs::remove_dir(&path).is_ok() {
        path.pop();
        depth -= 1;
    }
}

/// udocker notes each mount point as an entry named after its path, `#` for `/`.
fn remove_mount_notes(notes: &Path, record: &Path) {
    let mut wanted = OsString::new();
    for part in record.components().skip(1) {
        wanted.push("#");
        wanted.push(part);
    }
    for path in entries(notes) {
        let ours = path
            .file_name()
            .zip(wanted.to_str())
            .is_some_and(|(name, wanted)| name.to_string_lossy().starts_with(wanted));
        if ours {
            remove(&path);
        }
    }
}

/// R modes: the bundle's configuration holds the run's variables; a killed runc leaves its state
/// in a directory that holds `state.json`.
fn remove_runc_state(directory: &Path) {
    remove(&directory.join("config.json"));
    for path in entries(directory) {
        if path.join("state.json").is_file() || path.join("exec.fifo").exists() {
            remove(&path);
        }
    }
}

fn remove(path: &Path) {
    let removed = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => return,
    };
    if let Err(error) = removed {
        tracing::debug!(%error, path = %path.display(), "cannot clear up after a run");
    }
}
