//! Removes trees below an open directory, following nothing.

use std::{
    collections::HashSet,
    ffi::{OsStr, OsString},
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
};

use nix::{
    dir::Dir,
    errno::Errno,
    fcntl::OFlag,
    sys::stat::{Mode, fstat},
    unistd::{UnlinkatFlags, unlinkat},
};

use super::root::is_directory;

/// What must stay: names, each with the inode of its directory.
pub(crate) type Kept = HashSet<(u64, Box<[u8]>)>;

/// The key under which a name is kept.
pub(crate) fn kept_name(directory: u64, name: &OsStr) -> (u64, Box<[u8]>) {
    (directory, name.as_bytes().into())
}

/// Removes `name` from the directory `at`, and all below it, but for what is kept. Missing is as good as removed.
pub(crate) fn remove(at: &OwnedFd, name: &OsStr, kept: &Kept) -> nix::Result<()> {
    let stays = !kept.is_empty() && kept.contains(&kept_name(fstat(at)?.st_ino, name));
    let is_directory = match is_directory(at, name) {
        Err(Errno::ENOENT) => return Ok(()),
        found => found?,
    };
    if is_directory {
        empty(at, name, kept)?;
    }
    if stays {
        return Ok(());
    }
    let flag = if is_directory {
        UnlinkatFlags::RemoveDir
    } else {
        UnlinkatFlags::NoRemoveDir
    };
    match unlinkat(at, name, flag) {
        // Something in it is kept.
        Err(Errno::ENOTEMPTY) if is_directory && !kept.is_empty() => Ok(()),
        done => done,
    }
}

/// Removes all in the directory `name` of `at`, but for what is kept.
pub(crate) fn empty(at: &OwnedFd, name: &OsStr, kept: &Kept) -> nix::Result<()> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let directory = nix::fcntl::openat(at, name, flags, Mode::empty())?;
    let names = names(directory.try_clone().map_err(|_| Errno::EMFILE)?)?;
    for name in names {
        remove(&directory, &name, kept)?;
    }
    Ok(())
}

fn names(directory: OwnedFd) -> nix::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in Dir::from_fd(directory)?.iter() {
        let name = OsStr::from_bytes(entry?.file_name().to_bytes()).to_owned();
        if name != "." && name != ".." {
            names.push(name);
        }
    }
    Ok(names)
}
