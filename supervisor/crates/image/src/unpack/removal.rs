//! Removes trees below an open directory, following nothing.

use std::{
    collections::HashSet,
    ffi::OsStr,
    hash::{BuildHasher as _, RandomState},
    os::fd::OwnedFd,
};

use nix::{
    errno::Errno,
    fcntl::OFlag,
    sys::stat::{Mode, fstat},
    unistd::{UnlinkatFlags, unlinkat},
};

use crate::interrupt::Interrupt;
use rootfs::{each_entry, root::is_directory};

/// Most names that are remembered of one layer: what a table of 2^21 hashes holds. It takes 19 MB, and 28 MB while it grows.
pub(crate) const MOST_NAMES: usize = (1 << 21) / 8 * 7;

/// Names that a layer has made, each with the inode of its directory.
///
/// Layers have a million of them, so only a hash of each is held. Its key is random and the hash is long: no image makes two
/// names collide.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    names: HashSet<u64>,
    key: RandomState,
}

impl Kept {
    /// Remembers a name. Says whether there was room for it.
    pub(crate) fn add(&mut self, directory: u64, name: &OsStr) -> bool {
        let hash = self.key.hash_one((directory, name));
        let room = self.names.len() < MOST_NAMES || self.names.contains(&hash);
        room && {
            self.names.insert(hash);
            true
        }
    }

    pub(crate) fn has(&self, directory: u64, name: &OsStr) -> bool {
        self.names.contains(&self.key.hash_one((directory, name)))
    }

    fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// Removes trees until the work is to stop, except for what is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Removal<'a> {
    pub(crate) kept: &'a Kept,
    pub(crate) interrupt: &'a Interrupt,
}

impl Removal<'_> {
    /// Removes `name` from the directory `at`, whose inode is `inode`, and everything below it. A name that is missing is no
    /// error.
    ///
    /// # Errors
    /// The operating system's; `EINTR` once the work is to stop.
    pub(crate) fn remove(self, at: &OwnedFd, inode: u64, name: &OsStr) -> nix::Result<()> {
        if self.interrupt.is_set() {
            return Err(Errno::EINTR);
        }
        let stays = !self.kept.is_empty() && self.kept.has(inode, name);
        let is_directory = match is_directory(at, name) {
            Err(Errno::ENOENT) => return Ok(()),
            found => found?,
        };
        if is_directory {
            self.empty(at, name)?;
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
            Err(Errno::ENOTEMPTY) if is_directory && !self.kept.is_empty() => Ok(()),
            done => done,
        }
    }

    /// Removes everything in the directory `name` of `at`. Names are removed as they are read, so that memory does not grow
    /// with their number.
    ///
    /// # Errors
    /// As of [`Self::remove`].
    pub(crate) fn empty(self, at: &OwnedFd, name: &OsStr) -> nix::Result<()> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let directory = nix::fcntl::openat(at, name, flags, Mode::empty())?;
        let inode = fstat(&directory)?.st_ino;
        let copy = directory.try_clone().map_err(|_| Errno::EMFILE)?;
        each_entry(copy, |name, _entry| self.remove(&directory, inode, name))
    }
}
