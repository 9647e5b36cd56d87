//! After a run: makes ROOT what the inventory says.
//!
//! First the directories, from the root downwards: what does not belong in one goes to limbo, and a directory that is
//! missing is looked for there before it is made anew ([`directories`]). Then the files: moved back, written, made or
//! linked again ([`files`]). At last the directories get their attributes, which all of that has changed.

mod directories;
mod files;

use std::{collections::BTreeSet, ffi::OsStr, io, os::fd::OwnedFd, path::PathBuf};

use super::{
    at::{self, Attributes, Kind},
    inventory::{Inventory, ROOT},
    originals::Originals,
    tree::Tree,
    watch::{EventCoverage, Names, Seen, Watch},
};
use crate::rollback::journal::{lost_paths, quarantine::Quarantine};

/// One restoration.
#[derive(Debug)]
pub(super) struct Undo<'a> {
    pub(super) inventory: &'a mut Inventory,
    pub(super) tree: &'a mut Tree,
    pub(super) watch: &'a mut Watch,
    pub(super) originals: &'a Originals,
    pub(super) quarantine: &'a mut Quarantine,
    pub(super) seen: &'a Seen,
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
    /// Came back from limbo.
    returned: BTreeSet<u32>,
    /// Cannot be put back.
    lost: BTreeSet<u32>,
}

impl Undo<'_> {
    /// Does all that can be done and returns what could not, as paths below ROOT.
    pub(super) fn run(mut self) -> io::Result<Vec<PathBuf>> {
        self.directories()?;
        if self.seen.sight > EventCoverage::Whole {
            self.look_through()?;
        }
        self.files()?;
        let compared = std::mem::take(&mut self.work.directories);
        for directory in compared {
            let entry = self.inventory.entry_of(directory);
            let opened = self.tree.directory(self.inventory, directory)?;
            self.give_attributes(entry, &opened, ".".as_ref())?;
        }
        let lost = self.work.lost.iter().take(lost_paths::MOST);
        Ok(lost.map(|entry| self.inventory.path(*entry)).collect())
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
        let moved = seen.names > Names::Stayed && !seen.written.is_empty();
        let another = seen.names == Names::Added && self.work.returned.contains(&entry);
        seen.sight > EventCoverage::Whole || written || moved || another
    }

    /// Whether the entry is a directory that was looked into.
    fn directory_of(&self, entry: u32) -> Option<u32> {
        let found = self.inventory.entry(entry);
        let inside = found.kind() == Kind::Directory && found.detail < self.inventory.directories();
        (inside && entry != ROOT).then_some(found.detail)
    }
}
