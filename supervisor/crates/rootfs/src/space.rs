//! Room on a file system.

use std::path::Path;

use nix::{errno::Errno, sys::statvfs::statvfs};

/// Bytes that the file system of `directory` can still take. A directory that does not exist yet will be made below the
/// first of its parents that does.
pub fn free_bytes(directory: &Path) -> nix::Result<u64> {
    let system = match statvfs(directory) {
        Err(Errno::ENOENT) if directory.parent().is_some() => return free_bytes(parent(directory)),
        found => found?,
    };
    Ok(system
        .blocks_available()
        .saturating_mul(system.fragment_size()))
}

/// The directory that holds `path`, or would; the working directory for a name alone.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
