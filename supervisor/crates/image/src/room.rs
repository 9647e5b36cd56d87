//! Whether an image has room in the store: asked before any of its layers comes, and when the disk is full all the same.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use super::{Failure, Keep, PrepareRequest};
use rootfs::free_bytes;

/// Layers of `size` bytes take at least as much when they are unpacked; where they are kept, those that are `missing` yet
/// take their own size, too.
///
/// # Errors
/// [`Failure::NoRoom`].
pub(super) fn check(order: &PrepareRequest<'_>, size: u64, missing: u64) -> Result<(), Failure> {
    let kept = match order.keep {
        Keep::Layers => missing,
        Keep::Nothing => 0,
    };
    let store = order.store;
    if same_file_system(&store.containers, &store.layers) {
        return expect(&store.containers, size.saturating_add(kept));
    }
    expect(&store.containers, size)?;
    expect(&store.layers, kept)
}

/// That many bytes are free where `path` is.
///
/// # Errors
/// [`Failure::NoRoom`].
pub fn expect(path: &Path, needed: u64) -> Result<(), Failure> {
    match free_bytes(path) {
        Ok(free) if free < needed => Err(Failure::NoRoom {
            path: path.to_owned(),
            needed: Some(needed),
            free,
        }),
        // One that does not tell is tried.
        _ => Ok(()),
    }
}

/// What there is to say when a file system turned out to be full: the one that has less.
pub(super) fn used_up(order: &PrepareRequest<'_>) -> Failure {
    let parts = [&order.store.containers, &order.store.layers];
    let parts = parts.map(|path| (free_bytes(path).unwrap_or(0), path));
    let [containers, layers] = parts;
    let (free, path) = match order.keep {
        Keep::Layers if layers.0 < containers.0 => layers,
        Keep::Layers | Keep::Nothing => containers,
    };
    Failure::NoRoom {
        path: path.clone(),
        needed: None,
        free,
    }
}

fn same_file_system(one: &Path, other: &Path) -> bool {
    let device = |path| fs::metadata(path).map(|meta| meta.dev()).ok();
    device(one) == device(other)
}
