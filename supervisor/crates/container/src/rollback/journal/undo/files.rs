//! Every file, link and pipe as it was.

use std::{collections::BTreeMap, io, os::fd::OwnedFd};

use nix::{
    fcntl::{AtFlags, OFlag},
    sys::stat::{FileStat, Mode},
    unistd::{linkat, mkfifoat, symlinkat},
};

use crate::rollback::journal::{
    at::{self, Kind},
    error::UndoError,
    inventory::links,
    scan::has_original,
};

use super::Undo;

/// What a file's content is to be put back from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// The copy of this entry.
    Original(u32),
    /// Nothing is in it.
    Empty,
    /// There is no copy.
    None,
}

impl Undo<'_> {
    /// Restores what can be restored. Where anything is lost, it ends early: the container is rebuilt.
    pub(super) fn files(&mut self) -> Result<(), UndoError> {
        self.fetch()?;
        self.add_other_names();
        for entry in self.work.mend.clone() {
            self.budget.step()?;
            // Unless it went with another name of the same inode.
            if !self.work.missing.contains(&entry) {
                self.mend(entry)?;
            }
        }
        self.find_lost();
        if !self.work.lost.is_empty() {
            return Ok(());
        }
        self.make_missing()?;
        // At last: each name that was made has changed the inode of its other names.
        self.add_other_names();
        for entry in std::mem::take(&mut self.work.mend) {
            self.remember(entry)?;
        }
        Ok(())
    }

    /// Finds out which of the missing files nobody can make, before any is made.
    fn find_lost(&mut self) {
        let work = &self.work;
        let there = |name: &u32| !work.missing.contains(name) && !work.lost.contains(name);
        let is_lost = |entry: &u32| {
            self.inventory.entry(*entry).kind() == Kind::File
                && self.source(*entry) == Source::None
                && !self.inventory.names_of(*entry).iter().any(there)
        };
        let lost: Vec<u32> = work.missing.iter().copied().filter(is_lost).collect();
        self.work.lost.extend(lost);
    }

    fn make_missing(&mut self) -> Result<(), UndoError> {
        let missing = self.work.missing.clone();
        let (began, mut left) = (self.budget.used(), missing.len());
        for (entry, done) in missing.into_iter().zip(0..) {
            if self.make(entry)? {
                self.work.missing.remove(&entry);
                self.work.mend.insert(entry);
            }
            left -= 1;
            let left = u32::try_from(left).unwrap_or(u32::MAX);
            self.budget.step_of_many(began, done, left)?;
        }
        Ok(())
    }

    /// Moves back what is in quarantine, and empties it.
    fn fetch(&mut self) -> Result<(), UndoError> {
        let missing = self.work.missing.iter().copied();
        let files = missing.filter(|entry| self.inventory.entry(*entry).kind() == Kind::File);
        let wanted: BTreeMap<u64, u32> = files
            .map(|entry| (self.inventory.entry(entry).inode, entry))
            .collect();
        for (entry, number) in self.quarantine.sort_out(&wanted, &mut self.budget)? {
            if self.work.missing.remove(&entry) {
                let at = self.tree.around(self.inventory, entry)?;
                self.quarantine
                    .give(number, &at, self.inventory.name(entry))?;
                self.work.mend.insert(entry);
                self.work.returned.insert(entry);
            } else {
                self.quarantine.drop(number)?;
            }
        }
        Ok(())
    }

    /// What happened to an inode under one name has happened under all its names.
    fn add_other_names(&mut self) {
        let work = &mut self.work;
        let changed: Vec<u32> = work.mend.union(&work.missing).copied().collect();
        for entry in changed {
            for name in self.inventory.names_of(entry) {
                if !work.missing.contains(&name) && !work.lost.contains(&name) {
                    work.mend.insert(name);
                }
            }
        }
    }

    /// Puts right what is in its place.
    fn mend(&mut self, entry: u32) -> io::Result<()> {
        let at = self.tree.around(self.inventory, entry)?;
        let stat = at::stat(&at, self.inventory.name(entry))?;
        if self.inventory.entry(entry).kind() == Kind::File {
            if links(&stat) > self.inventory.entry(entry).links {
                // Somebody outside holds another name of it, by which it may be changed at any time.
                return self.cut_off(entry);
            }
            if !self.mend_content(entry, &at, &stat)? {
                self.work.lost.insert(entry);
                return Ok(());
            }
        }
        self.give_attributes(entry, &at, self.inventory.name(entry))?;
        Ok(())
    }

    /// Whether the content is what it was, or could be put back.
    fn mend_content(&self, entry: u32, at: &OwnedFd, stat: &FileStat) -> io::Result<bool> {
        let wanted = self.inventory.entry(entry);
        let as_before = wanted.changed == at::changed(stat);
        let same_size = wanted.size == at::size(stat);
        let name = self.inventory.name(entry);
        match self.source(entry) {
            Source::None => Ok(same_size && (as_before || !self.is_doubtful(entry))),
            Source::Empty if same_size => Ok(true),
            Source::Empty => {
                at::open_file(at, name, OFlag::O_WRONLY)?.set_len(0)?;
                Ok(true)
            }
            Source::Original(copy) => {
                let number = self.inventory.entry(copy).detail;
                let file = at::open_file(at, name, OFlag::O_RDWR)?;
                if !same_size || !self.originals.is_in(number, wanted.size, &file)? {
                    self.originals.write(number, wanted.size, &file)?;
                }
                Ok(true)
            }
        }
    }

    /// Takes all names of the inode away, so that it is created again.
    fn cut_off(&mut self, entry: u32) -> io::Result<()> {
        if self.source(entry) == Source::None {
            self.work.lost.insert(entry);
            return Ok(());
        }
        for name in self.inventory.names_of(entry) {
            let at = self.tree.around(self.inventory, name)?;
            at::unlink(&at, self.inventory.name(name))?;
            self.work.mend.remove(&name);
            self.work.missing.insert(name);
            let directory = self.inventory.entry(name).parent;
            self.work.directories.insert(directory);
        }
        Ok(())
    }

    fn source(&self, entry: u32) -> Source {
        if self.inventory.entry(entry).size == 0 {
            return Source::Empty;
        }
        let names = self.inventory.names_of(entry).into_iter();
        let mut copied = names.filter(|name| has_original(self.inventory, *name));
        copied.next().map_or(Source::None, Source::Original)
    }

    /// Makes what is not there, if it can be.
    fn make(&mut self, entry: u32) -> io::Result<bool> {
        let at = self.tree.around(self.inventory, entry)?;
        let name = self.inventory.name(entry);
        match self.inventory.entry(entry).kind() {
            Kind::Link => symlinkat(self.inventory.target(entry), &at, name)?,
            Kind::Fifo => mkfifoat(&at, name, Mode::S_IRUSR)?,
            _ if self.link(entry, &at)? => {}
            _ if !self.write(entry, &at)? => {
                self.work.lost.insert(entry);
                return Ok(false);
            }
            _ => {}
        }
        self.give_attributes(entry, &at, self.inventory.name(entry))?;
        Ok(true)
    }

    /// Makes it a name of the inode that has its other names.
    fn link(&mut self, entry: u32, at: &OwnedFd) -> io::Result<bool> {
        let work = &self.work;
        let names = self.inventory.names_of(entry).into_iter();
        let there = |name: &u32| !work.missing.contains(name) && !work.lost.contains(name);
        let Some(other) = names.filter(there).find(|name| *name != entry) else {
            return Ok(false);
        };
        let from = self.tree.around(self.inventory, other)?;
        let (old, new) = (self.inventory.name(other), self.inventory.name(entry));
        linkat(&from, old, at, new, AtFlags::empty())?;
        Ok(true)
    }

    fn write(&self, entry: u32, at: &OwnedFd) -> io::Result<bool> {
        let source = self.source(entry);
        if source == Source::None {
            return Ok(false);
        }
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL;
        let file = at::open_file(at, self.inventory.name(entry), flags)?;
        if let Source::Original(copy) = source {
            let number = self.inventory.entry(copy).detail;
            let size = self.inventory.entry(entry).size;
            self.originals.write(number, size, &file)?;
        }
        Ok(true)
    }

    /// Notes the inode as it is now, for the next comparison.
    fn remember(&mut self, entry: u32) -> io::Result<()> {
        if self.work.lost.contains(&entry) {
            return Ok(());
        }
        let at = self.tree.around(self.inventory, entry)?;
        let stat = at::stat(&at, self.inventory.name(entry))?;
        let entry = self.inventory.entry_mut(entry);
        entry.inode = stat.st_ino;
        entry.changed = at::changed(&stat);
        Ok(())
    }
}
