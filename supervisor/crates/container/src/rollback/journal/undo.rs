//! After a run: makes ROOT what the inventory says.
//!
//! First the directories, from the root downwards: what does not belong in one goes to quarantine, and a directory that is
//! missing is looked for there before it is created again ([`directories`]). Then the files: moved back, written, created or
//! linked again ([`files`]). At last the directories get their attributes, which all of that has changed.

mod directories;
mod files;

use std::{collections::BTreeSet, ffi::OsStr, os::fd::OwnedFd, path::PathBuf};

use super::{
    at::{self, Attributes, Kind},
    error::UndoError,
    inventory::{Inventory, ROOT},
    originals::Originals,
    seen::{EventCoverage, NameChanges, Seen},
    tree::Tree,
    watch::Watch,
};
use crate::rollback::{
    budget::Budget,
    journal::{lost_paths, quarantine::Quarantine},
};

/// One restoration.
#[derive(Debug)]
pub(super) struct Undo<'a> {
    pub(super) inventory: &'a mut Inventory,
    pub(super) tree: &'a mut Tree,
    pub(super) watch: &'a mut Watch,
    pub(super) originals: &'a Originals,
    pub(super) quarantine: &'a mut Quarantine,
    pub(super) seen: &'a Seen,
    pub(super) budget: Budget,
    pub(super) work: Work,
}

/// What was found so far. All but `directories` are entries.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// Directories that were compared.
    directories: BTreeSet<u32>,
    /// Directories that are not where they belong.
    absent: BTreeSet<u32>,
    /// There, and perhaps not as they were.
    mend: BTreeSet<u32>,
    /// Not there; no directories.
    missing: BTreeSet<u32>,
    /// Came back from quarantine.
    returned: BTreeSet<u32>,
    /// Cannot be put back.
    lost: BTreeSet<u32>,
}

impl Undo<'_> {
    /// Restores ROOT, or returns what cannot be put back, as paths below ROOT: nothing more is done then, as the container is
    /// rebuilt.
    pub(super) fn run(mut self) -> Result<Vec<PathBuf>, UndoError> {
        self.directories()?;
        if self.seen.coverage > EventCoverage::Whole {
            self.look_through()?;
        }
        if self.work.lost.is_empty() {
            self.files()?;
        }
        if !self.work.lost.is_empty() {
            let lost = self.work.lost.iter().take(lost_paths::MOST);
            return Ok(lost.map(|entry| self.inventory.path(*entry)).collect());
        }
        let compared = std::mem::take(&mut self.work.directories);
        for directory in compared {
            let entry = self.inventory.entry_of(directory);
            let opened = self.tree.directory(self.inventory, directory)?;
            self.give_attributes(entry, &opened, ".".as_ref())?;
        }
        Ok(Vec::new())
    }

    fn give_attributes(&self, entry: u32, at: &OwnedFd, name: &OsStr) -> nix::Result<()> {
        let found = Attributes::of(&at::stat(at, name)?);
        let wanted = self.inventory.entry(entry).attributes();
        wanted.give(at, name, found)
    }

    /// Whether the file may hold something else though its size is the same; only asked when its inode has changed.
    fn is_doubtful(&self, entry: u32) -> bool {
        let seen = self.seen;
        let names = self.inventory.names_of(entry);
        let written = names.iter().any(|name| seen.written.contains(name));
        let moved = seen.names > NameChanges::None && seen.anything_written();
        let another = seen.names == NameChanges::Added && self.work.returned.contains(&entry);
        seen.coverage > EventCoverage::Whole || written || moved || another
    }

    /// Whether the entry is a directory that was looked into.
    fn directory_of(&self, entry: u32) -> Option<u32> {
        let found = self.inventory.entry(entry);
        let inside = found.kind() == Kind::Directory && found.detail < self.inventory.directories();
        (inside && entry != ROOT).then_some(found.detail)
    }
}
