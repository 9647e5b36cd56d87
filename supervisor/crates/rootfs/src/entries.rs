//! What is in an open directory.

use std::{
    ffi::OsStr,
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
};

use nix::{
    dir::{Dir, Entry},
    errno::Errno,
};

/// Shows each entry of `directory` except `.` and `..`, in no order. `show` may remove, rename and add entries: those that are
/// removed hide no others (readdir(3)). Nothing is remembered, so memory does not grow with their number.
///
/// # Errors
/// The operating system's, and the first of `show`.
pub fn each_entry<E: From<Errno>>(
    directory: OwnedFd,
    mut show: impl FnMut(&OsStr, &Entry) -> Result<(), E>,
) -> Result<(), E> {
    for entry in Dir::from_fd(directory)?.iter() {
        let entry = entry?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if name != "." && name != ".." {
            show(name, &entry)?;
        }
    }
    Ok(())
}
