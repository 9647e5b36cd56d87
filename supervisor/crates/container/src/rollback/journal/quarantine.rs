//! Where everything goes that a run left in ROOT, before it is known what of it belongs elsewhere in ROOT.
//!
//! Trees are taken apart from the top: each directory in one is moved up beside it. So any depth takes neither stack nor
//! descriptors, and what is looked for is found by its inode wherever it was hidden. Names are numbers here.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    io,
    os::fd::OwnedFd,
};

use nix::{
    errno::Errno,
    fcntl::renameat,
    sys::stat::{Mode, mkdirat},
    unistd::{UnlinkatFlags, unlinkat},
};

use super::{
    at::{self, Kind},
    error::UndoError,
};
use crate::rollback::budget::Budget;

pub(super) const NAME: &str = "quarantine";

#[derive(Debug)]
pub(super) struct Quarantine {
    directory: OwnedFd,
    next: u32,
    /// Directories here, by inode.
    directories: BTreeMap<u64, u32>,
    /// Those that may have others in them.
    whole: Vec<(u64, u32)>,
}

/// A file that was looked for: the entry it belongs to, and its number here.
pub(super) type Found = (u32, u32);

impl Quarantine {
    /// Opens the one of the directory `state`, with what a process that died has left there.
    pub(super) fn open(state: &OwnedFd) -> io::Result<Self> {
        match mkdirat(state, NAME, Mode::S_IRWXU) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let directory = at::open_directory(state, NAME.as_ref())?;
        let mut quarantine = Self {
            directory,
            next: 0,
            directories: BTreeMap::new(),
            whole: Vec::new(),
        };
        quarantine.number_leftovers()?;
        Ok(quarantine)
    }

    fn number_leftovers(&mut self) -> io::Result<()> {
        let (mut last, mut directories) = (None, Vec::new());
        at::each(&self.directory, |name, inode, kind| {
            let number = name.to_str().and_then(|name| name.parse::<u32>().ok());
            last = last.max(number);
            if let (Kind::Directory, Some(number)) = (kind, number) {
                directories.push((inode, number));
            }
            Ok::<_, io::Error>(())
        })?;
        self.next = last.map_or(0, |last| last + 1);
        self.directories = directories.iter().copied().collect();
        self.whole = directories;
        Ok(())
    }

    /// Takes `name` out of the directory `from`.
    pub(super) fn take(
        &mut self,
        from: &OwnedFd,
        name: &OsStr,
        inode: u64,
        kind: Kind,
    ) -> nix::Result<()> {
        let number = self.next;
        let new = file_name(number);
        let moved = renameat(from, name, &self.directory, new.as_os_str());
        if moved == Err(Errno::EACCES) && kind == Kind::Directory {
            // To be moved, a directory must be writable: its own ".." changes.
            at::change_mode(from, name, 0o700)?;
            renameat(from, name, &self.directory, new.as_os_str())?;
        } else {
            moved?;
        }
        self.next += 1;
        if kind == Kind::Directory {
            self.directories.insert(inode, number);
            self.whole.push((inode, number));
        }
        Ok(())
    }

    /// Whether there is a directory of that inode; none deeper than those taken apart so far.
    pub(super) fn directory(&self, inode: u64) -> Option<u32> {
        self.directories.get(&inode).copied()
    }

    /// Gives the directory back.
    pub(super) fn give_directory(
        &mut self,
        inode: u64,
        to: &OwnedFd,
        name: &OsStr,
    ) -> nix::Result<()> {
        let number = self.directories.remove(&inode).ok_or(Errno::ENOENT)?;
        at::change_mode(&self.directory, &file_name(number), 0o700)?;
        self.give(number, to, name)
    }

    /// Gives a file back.
    pub(super) fn give(&self, number: u32, to: &OwnedFd, name: &OsStr) -> nix::Result<()> {
        renameat(&self.directory, file_name(number).as_os_str(), to, name)
    }

    /// Takes one more directory apart; none is left if there is nothing to return.
    pub(super) fn take_apart(&mut self) -> io::Result<Option<()>> {
        let Some((inode, number)) = self.whole.pop() else {
            return Ok(None);
        };
        if self.directory(inode) == Some(number) {
            let name = file_name(number);
            at::change_mode(&self.directory, &name, 0o700)?;
            let opened = at::open_directory(&self.directory, &name)?;
            at::each(&opened, |name, inode, kind| {
                if kind == Kind::Directory {
                    self.take(&opened, name, inode, kind)?;
                }
                Ok::<_, io::Error>(())
            })?;
        }
        Ok(Some(()))
    }

    /// Removes all but the files `wanted`, which are entries by inode.
    pub(super) fn sort_out(
        &mut self,
        wanted: &BTreeMap<u64, u32>,
        budget: &mut Budget,
    ) -> Result<Vec<Found>, UndoError> {
        while self.take_apart()?.is_some() {
            budget.step()?;
        }
        let mut found = Vec::new();
        for number in std::mem::take(&mut self.directories).into_values() {
            let name = file_name(number);
            let opened = at::open_directory(&self.directory, &name)?;
            at::each(&opened, |name, inode, kind| {
                budget.step()?;
                if let (Kind::File, Some(entry)) = (kind, wanted.get(&inode)) {
                    found.push((*entry, self.next));
                    self.take(&opened, name, inode, kind)?;
                } else {
                    at::unlink(&opened, name)?;
                }
                Ok::<_, UndoError>(())
            })?;
            unlinkat(&self.directory, name.as_os_str(), UnlinkatFlags::RemoveDir)?;
        }
        let first_found = found.first().map_or(self.next, |(_, number)| *number);
        at::each(&self.directory, |name, inode, kind| {
            budget.step()?;
            let number = name.to_str().and_then(|name| name.parse::<u32>().ok());
            match (kind, number, wanted.get(&inode)) {
                (Kind::File, Some(number), _) if number >= first_found => {}
                (Kind::File, Some(number), Some(entry)) => found.push((*entry, number)),
                _ => at::unlink(&self.directory, name)?,
            }
            Ok::<_, UndoError>(())
        })?;
        Ok(found)
    }

    /// Removes what was found but not given back.
    pub(super) fn drop(&self, number: u32) -> nix::Result<()> {
        at::unlink(&self.directory, &file_name(number))
    }
}

fn file_name(number: u32) -> OsString {
    OsString::from(number.to_string())
}
