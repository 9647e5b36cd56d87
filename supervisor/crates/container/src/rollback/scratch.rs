//! The container's scratch directories, which hold after a run what they held before.
//!
//! The container may have put symbolic links anywhere in its file system. Nothing is looked at or removed through one: every
//! component of a path is checked, and no process of the container is left that could change it meanwhile.

use std::{
    collections::BTreeSet,
    fs,
    path::{Component, Path, PathBuf},
};

/// Directories of the image that programs put files in without being told to.
const SCRATCH: [&str; 5] = ["tmp", "var/tmp", "run", "dev/shm", "root"];

/// The scratch directories and what they held when this process first looked: additions since then
/// can be told and removed, changes of what was there cannot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Baseline {
    directories: BTreeSet<PathBuf>,
    entries: BTreeSet<PathBuf>,
}

impl Baseline {
    /// Takes stock of the container in `directory`; `working` is where its command starts.
    pub fn of(directory: &Path, working: Option<&str>) -> Self {
        let root = directory.join("ROOT");
        let working = working.map(|path| path.trim_matches('/'));
        let directories: BTreeSet<PathBuf> = SCRATCH
            .into_iter()
            .chain(working.filter(|path| !path.is_empty()))
            .map(PathBuf::from)
            .collect();
        let entries = directories.iter().flat_map(|d| entries(&root, d)).collect();
        Self {
            directories,
            entries,
        }
    }

    /// Removes what has come since.
    pub(crate) fn restore(&self, root: &Path) {
        for path in self.directories.iter().flat_map(|d| entries(root, d)) {
            if !self.entries.contains(&path) {
                remove(&root.join(path));
            }
        }
    }
}

/// Entries of a directory, relative to `root` as the directory is; none if a link is on the way.
pub(crate) fn entries(root: &Path, directory: &Path) -> Vec<PathBuf> {
    if !is_plain_directory(root, directory) {
        return Vec::new();
    }
    fs::read_dir(root.join(directory))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| directory.join(entry.file_name()))
        .collect()
}

/// Whether `path` is a directory below `root` by itself, not by way of a link or of `..`.
pub(crate) fn is_plain_directory(root: &Path, path: &Path) -> bool {
    let mut at = root.to_owned();
    path.components().all(|component| {
        at.push(component);
        matches!(component, Component::Normal(_))
            && fs::symlink_metadata(&at).is_ok_and(|meta| meta.is_dir())
    })
}

/// Removes a file, or a directory with everything below it, links themselves and not what they
/// lead to.
pub(crate) fn remove(path: &Path) {
    if let Err(error) = rootfs::remove_any(path) {
        tracing::debug!(%error, path = %path.display(), "cannot clear up after a run");
    }
}
