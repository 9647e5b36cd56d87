//! Every directory where it belongs, with nothing in it that does not.

use std::{collections::BTreeSet, io, os::fd::OwnedFd};

use nix::{
    errno::Errno,
    fcntl::readlinkat,
    sys::stat::{Mode, mkdirat},
};

use crate::rollback::journal::{
    at::{self, Attributes, Kind},
    error::UndoError,
    inventory::ROOT,
    seen::EventCoverage,
};

use super::Undo;

/// Whether a name stands for what it stood for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Same {
    /// Yes; it may have changed.
    Yes,
    /// It is something else.
    No,
}

impl Undo<'_> {
    pub(super) fn directories(&mut self) -> Result<(), UndoError> {
        let mut queue: BTreeSet<u32> = match self.seen.coverage {
            EventCoverage::Whole => self.seen.touched.clone(),
            EventCoverage::Blurred => self
                .watch
                .unwatched()
                .union(&self.seen.touched)
                .copied()
                .collect(),
            EventCoverage::Lost => (ROOT..self.inventory.directories()).collect(),
        };
        let mut waiting = BTreeSet::new();
        loop {
            // A lower number is never below a higher one: all above a directory is in its place before it is looked at.
            while let Some(directory) = queue.pop_first() {
                self.budget.step()?;
                if self.is_absent(directory) {
                    waiting.insert(directory);
                } else {
                    self.compare(directory)?;
                }
            }
            if self.work.absent.is_empty() {
                return Ok(());
            }
            queue.append(&mut waiting);
            self.bring_back(&mut queue)?;
        }
    }

    /// Finds the files in all other directories that were changed by another name than theirs.
    pub(super) fn look_through(&mut self) -> Result<(), UndoError> {
        for directory in ROOT..self.inventory.directories() {
            let children = self.inventory.children(directory);
            if children.is_empty() || self.work.directories.contains(&directory) {
                continue;
            }
            self.budget.step()?;
            let opened = self.tree.directory(self.inventory, directory)?;
            for entry in children {
                let wanted = self.inventory.entry(entry);
                if wanted.kind() == Kind::File
                    && !wanted.is_as(&at::stat(&opened, self.inventory.name(entry))?)
                {
                    self.work.mend.insert(entry);
                }
            }
        }
        Ok(())
    }

    /// Whether the directory, or one above it, is not in its place.
    fn is_absent(&self, mut directory: u32) -> bool {
        if self.work.absent.is_empty() {
            return false;
        }
        while directory != ROOT && !self.work.absent.contains(&directory) {
            directory = self.inventory.above(directory);
        }
        directory != ROOT
    }

    /// Compares one directory with the inventory.
    fn compare(&mut self, directory: u32) -> Result<(), UndoError> {
        let opened = self.tree.directory(self.inventory, directory)?;
        if self.watch.unwatched().contains(&directory) || self.seen.coverage == EventCoverage::Lost
        {
            self.watch.add(&opened, directory);
        }
        self.work.directories.insert(directory);
        let children = self.inventory.children(directory);
        let mut missing: Vec<bool> = children.clone().map(|_| true).collect();
        at::each(&opened, |name, inode, kind| {
            self.budget.step()?;
            if let Some(entry) = self.inventory.find(directory, name)
                && self.is_same(&opened, entry)? == Same::Yes
            {
                missing[(entry - children.start) as usize] = false;
                return Ok(());
            }
            self.quarantine.take(&opened, name, inode, kind)?;
            Ok::<_, UndoError>(())
        })?;
        for entry in children.clone() {
            if missing[(entry - children.start) as usize] {
                self.miss(entry);
            }
        }
        Ok(())
    }

    fn miss(&mut self, entry: u32) {
        match (self.directory_of(entry), self.inventory.entry(entry).kind()) {
            (Some(directory), _) => self.work.absent.insert(directory),
            (None, Kind::File | Kind::Link | Kind::Fifo) => self.work.missing.insert(entry),
            (None, Kind::Directory | Kind::Other) => self.work.lost.insert(entry),
        };
    }

    fn is_same(&mut self, at: &OwnedFd, entry: u32) -> io::Result<Same> {
        let name = self.inventory.name(entry);
        let stat = at::stat(at, name)?;
        let wanted = self.inventory.entry(entry);
        if Kind::of(stat.st_mode) != wanted.kind() {
            return Ok(Same::No);
        }
        if wanted.kind() == Kind::Directory {
            if stat.st_ino != wanted.inode {
                return Ok(Same::No);
            }
            // At once, so that it can be opened; its time comes last.
            let mut found = Attributes::of(&stat);
            found.modified = wanted.modified;
            wanted.attributes().give(at, name, found)?;
            return Ok(Same::Yes);
        }
        let same_inode = stat.st_ino == wanted.inode;
        let as_before = same_inode && wanted.is_as(&stat);
        if as_before && !self.seen.written.contains(&entry) {
            return Ok(Same::Yes);
        }
        let same = match wanted.kind() {
            Kind::Link => readlinkat(at, name)? == self.inventory.target(entry),
            _ => same_inode,
        };
        if !same {
            return Ok(Same::No);
        }
        self.work.mend.insert(entry);
        Ok(Same::Yes)
    }

    /// Puts absent directories back that are in quarantine, or creates them if none is; `queue` is what to compare then.
    fn bring_back(&mut self, queue: &mut BTreeSet<u32>) -> Result<(), UndoError> {
        loop {
            let inode = |d: &u32| self.inventory.entry(self.inventory.entry_of(*d)).inode;
            let absent = self.work.absent.iter().copied();
            let found: Vec<u32> = absent
                .filter(|d| self.quarantine.directory(inode(d)).is_some())
                .collect();
            for directory in &found {
                self.put_back(*directory)?;
            }
            if !found.is_empty() {
                return Ok(());
            }
            self.budget.step()?;
            if self.quarantine.take_apart()?.is_none() {
                break;
            }
        }
        for directory in std::mem::take(&mut self.work.absent) {
            self.create_again(directory)?;
            queue.insert(directory);
        }
        Ok(())
    }

    fn put_back(&mut self, directory: u32) -> io::Result<()> {
        let entry = self.inventory.entry_of(directory);
        let at = self.tree.around(self.inventory, entry)?;
        let inode = self.inventory.entry(entry).inode;
        let name = self.inventory.name(entry);
        match self.quarantine.give_directory(inode, &at, name) {
            // Two of the same inode number: the other one was found first, this one is created again.
            Err(Errno::ENOENT) => return Ok(()),
            done => done?,
        }
        self.give_attributes(entry, &at, name)?;
        self.work.absent.remove(&directory);
        self.tree.forget();
        Ok(())
    }

    fn create_again(&mut self, directory: u32) -> io::Result<()> {
        let entry = self.inventory.entry_of(directory);
        let at = self.tree.around(self.inventory, entry)?;
        let name = self.inventory.name(entry);
        mkdirat(&at, name, Mode::S_IRWXU)?;
        self.give_attributes(entry, &at, name)?;
        let inode = at::stat(&at, name)?.st_ino;
        self.inventory.entry_mut(entry).inode = inode;
        self.tree.forget();
        Ok(())
    }
}
