//! Removing what a container has left.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

/// Removes a directory that a container may have written to, as far as that is possible.
pub fn remove_tree(path: &Path) {
    if fs::remove_dir_all(path).is_err() {
        // Containers may leave directories without write permission behind.
        open_up(path);
        let _told_by_its_presence = fs::remove_dir_all(path);
    }
}

/// Gives the owner write permission on every directory below `path`, without following links.
fn open_up(path: &Path) {
    let Ok(meta) = fs::symlink_metadata(path) else {
        return;
    };
    if !meta.is_dir() {
        return;
    }
    let _best_effort = fs::set_permissions(path, fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        open_up(&entry.path());
    }
}
