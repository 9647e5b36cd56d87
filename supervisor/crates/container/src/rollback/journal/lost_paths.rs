//! Paths that could not be put back once: the next container keeps their originals, so that it happens once only.
//!
//! One file in the state directory, each path ended by a zero byte, because names may hold anything else.

use std::{
    collections::BTreeSet,
    io::{self, Read as _, Write as _},
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    path::PathBuf,
};

use nix::{errno::Errno, fcntl::OFlag};

use super::at;

/// Most paths that are noted, and told as lost at once.
pub(super) const MOST: usize = 256;
/// Longest list that is read, in bytes: as many paths as long as a system call takes them.
const LONGEST: u64 = MOST as u64 * 4096;
const NAME: &str = "noted";

/// The paths noted, below ROOT.
pub(super) fn read(state: &OwnedFd) -> io::Result<BTreeSet<Vec<u8>>> {
    let mut bytes = Vec::new();
    match at::open_file(state, NAME.as_ref(), OFlag::O_RDONLY) {
        Ok(file) => file.take(LONGEST).read_to_end(&mut bytes)?,
        Err(Errno::ENOENT) => 0,
        Err(error) => return Err(error.into()),
    };
    let paths = bytes.split(|byte| *byte == 0);
    let paths = paths.filter(|path| !path.is_empty());
    Ok(paths.take(MOST).map(<[u8]>::to_vec).collect())
}

/// Notes more of them, while there is room.
pub(super) fn add(state: &OwnedFd, paths: &[PathBuf]) -> io::Result<()> {
    let known = read(state)?;
    let mut new = Vec::new();
    let room = MOST.saturating_sub(known.len());
    let unknown = paths.iter().map(|path| path.as_os_str().as_bytes());
    for path in unknown.filter(|path| !known.contains(*path)).take(room) {
        new.extend_from_slice(path);
        new.push(0);
    }
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_APPEND;
    at::open_file(state, NAME.as_ref(), flags)?.write_all(&new)
}
