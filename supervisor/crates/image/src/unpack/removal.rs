//! Removes trees below an open directory, following nothing.

use std::{
    collections::HashSet,
    ffi::{OsStr, OsString},
    hash::{BuildHasher as _, RandomState},
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
};

use nix::{
    dir::Dir,
    errno::Errno,
    fcntl::OFlag,
    sys::stat::{Mode, fstat},
    unistd::{UnlinkatFlags, unlinkat},
};

use rootfs::root::is_directory;

/// What must stay: names, each with the inode of its directory.
///
/// Layers have a million of them, so what is held is a hash of each. Its key is random and the hash is long: that one name is
/// taken for another, and stays where it should go, happens to nobody.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    names: HashSet<u64>,
    key: RandomState,
}

impl Kept {
    pub(crate) fn add(&mut self, directory: u64, name: &OsStr) {
        self.names.insert(self.key.hash_one((directory, name)));
    }

    fn has(&self, directory: u64, name: &OsStr) -> bool {
        self.names.contains(&self.key.hash_one((directory, name)))
    }
}

/// Removes `name` from the directory `at`, and all below it, but for what is kept. Missing is as good as removed.
pub(crate) fn remove(at: &OwnedFd, name: &OsStr, kept: &Kept) -> nix::Result<()> {
    let stays = !kept.names.is_empty() && kept.has(fstat(at)?.st_ino, name);
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
        Err(Errno::ENOTEMPTY) if is_directory && !kept.names.is_empty() => Ok(()),
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
