//! The one walk through a clean ROOT: its inventory, a watch on each directory, and the originals.

use std::{collections::BTreeSet, io, os::fd::OwnedFd, os::unix::ffi::OsStrExt as _};

use nix::{
    fcntl::{OFlag, readlinkat},
    sys::stat::{Mode, fchmod},
};

use super::{
    at::{self, Kind},
    inventory::{Inventory, NONE, ROOT},
    originals::{Originals, Reason, is_usual},
    tree::Tree,
    watch::Watch,
};

/// What one walk fills.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    pub(super) inventory: Inventory,
    pub(super) tree: &'a mut Tree,
    pub(super) watch: &'a mut Watch,
    pub(super) originals: &'a mut Originals,
    /// Paths whose originals are wanted in any case.
    pub(super) noted: &'a BTreeSet<Vec<u8>>,
}

impl Scan<'_> {
    pub(super) fn take(mut self) -> io::Result<Inventory> {
        let stat = at::stat(self.tree.root(), ".".as_ref())?;
        self.inventory.push(ROOT, "".as_ref(), &stat)?;
        self.inventory.add_directory(ROOT);
        let mut next = ROOT;
        while next < self.inventory.directories() {
            self.directory(next, stat.st_dev)?;
            next += 1;
        }
        self.inventory.finish();
        Ok(self.inventory)
    }

    /// Lists one directory; those in it come later. What is mounted in ROOT is not of the image and is left alone.
    fn directory(&mut self, directory: u32, device: u64) -> io::Result<()> {
        let opened = self.tree.directory(&self.inventory, directory)?;
        // First, so that nothing can change between the two.
        self.watch.add(&opened, directory);
        let first = self.inventory.next_entry();
        let mut mounted = BTreeSet::new();
        at::each(&opened, |name, _, _| {
            let stat = at::stat(&opened, name)?;
            if stat.st_dev != device {
                mounted.insert(name.to_owned());
            }
            self.inventory.push(directory, name, &stat)
        })?;
        self.inventory.close(directory, first);
        let entry = self.inventory.entry_of(directory);
        let path = self.inventory.path(entry).into_os_string();
        let reason = is_usual(path.as_bytes()).then_some(Reason::Usual);
        for entry in self.inventory.children(directory) {
            match self.inventory.entry(entry).kind() {
                Kind::Directory if !mounted.contains(self.inventory.name(entry)) => {
                    self.inventory.add_directory(entry);
                }
                Kind::Link => {
                    let target = readlinkat(&opened, self.inventory.name(entry))?;
                    self.inventory.set_target(entry, &target)?;
                }
                Kind::File => self.file(&opened, entry, reason.or_else(|| self.noted(entry)))?,
                _ => {}
            }
        }
        let mode = self.inventory.entry(entry).attributes().mode;
        if mode & 0o500 != 0o500 {
            // It may have been opened wider to be looked into.
            fchmod(&opened, Mode::from_bits_truncate(mode))?;
        }
        Ok(())
    }

    fn noted(&self, entry: u32) -> Option<Reason> {
        let path = || self.inventory.path(entry).into_os_string();
        let noted = !self.noted.is_empty() && self.noted.contains(path().as_bytes());
        noted.then_some(Reason::Noted)
    }

    fn file(&mut self, at: &OwnedFd, entry: u32, reason: Option<Reason>) -> io::Result<()> {
        let found = self.inventory.entry(entry);
        let (size, mode) = (found.size, found.attributes().mode);
        if found.links > 1 {
            self.inventory.set_shared(entry);
        }
        let Some(reason) = self.reason(entry, reason, size) else {
            return Ok(());
        };
        let name = self.inventory.name(entry);
        let file = at::open_file(at, name, OFlag::O_RDONLY)?;
        if mode & 0o400 == 0 {
            fchmod(&file, Mode::from_bits_truncate(mode))?;
            let changed = at::changed(&at::stat(at, name)?);
            self.inventory.entry_mut(entry).changed = changed;
        }
        self.inventory.entry_mut(entry).detail = self.originals.keep(reason, file, size)?;
        Ok(())
    }

    /// Why the file is to be copied, if it is. One that is empty needs no copy.
    fn reason(&self, entry: u32, reason: Option<Reason>, size: u64) -> Option<Reason> {
        let wanted = |reason: &Reason| size > 0 && self.originals.wants(*reason, size);
        let reason = reason.filter(wanted);
        reason.or_else(|| self.noted(entry).filter(wanted))
    }
}

/// Whether the entry's content is known: a copy, or none at all.
pub(super) fn has_original(inventory: &Inventory, entry: u32) -> bool {
    let entry = inventory.entry(entry);
    entry.size == 0 || entry.detail != NONE
}
