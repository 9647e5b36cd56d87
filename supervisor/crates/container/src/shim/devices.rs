//! This machine's devices.

use std::path::{Path, PathBuf};

/// This machine's devices one by one, where its `/dev` lacks `/dev/shm`, as on Lambda: that and `/dev/fd` a container has of its
/// own then, see [`crate::engine::setup::make_devices`].
pub fn devices_instead_of_dev(dev: &Path) -> Option<Vec<PathBuf>> {
    let entries: Vec<PathBuf> = std::fs::read_dir(dev)
        .ok()?
        .flatten()
        .map(|e| e.path())
        .collect();
    if entries.contains(&dev.join("shm")) {
        return None;
    }
    Some(
        entries
            .into_iter()
            .filter(|path| *path != dev.join("fd"))
            .collect(),
    )
}
