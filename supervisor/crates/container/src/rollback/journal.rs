//! Warm containers without mounts: what a run changed in the image's file system is undone before the next one.
//!
//! Between `prepare` and a run, where no overlay can be had (an unprivileged user on AWS Lambda). [`Journal::begin`] takes
//! stock of a clean ROOT once; the kernel queues what changes while a run goes on ([`watch`]); [`Journal::restore`] looks
//! only where something happened ([`undo`]). What cannot be undone is reported, and its original is kept the next time.
//!
//! ROOT is hostile after a run. Whatever it holds, nothing here reaches outside through it: see [`at`] and [`quarantine`]. Every
//! process of the run must be gone before ROOT is restored.

mod at;
mod error;
mod foreign;
mod inventory;
mod links;
mod lost_paths;
mod originals;
mod quarantine;
mod scan;
mod seen;
mod tree;
mod undo;
mod watch;

use std::{
    collections::BTreeMap,
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use nix::{errno::Errno, fcntl::OFlag};

pub use self::{error::JournalError, links::Inside};

use self::{
    error::UndoError,
    inventory::{Inventory, ROOT},
    originals::Originals,
    seen::Seen,
    tree::{Tree, open_path, open_state},
    undo::{Undo, Work},
    watch::Watch,
};
use crate::rollback::{
    budget::Budget,
    journal::{quarantine::Quarantine, scan::Scan},
};

const DIRTY: &str = "dirty";
const OPEN_STATE: &str = "open the journal's directory";

/// What became of the changes of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restored {
    /// There were none.
    Clean,
    /// They are undone.
    Undone,
    /// Some cannot be undone: the container must be rebuilt.
    Lost {
        /// The first of what is lost, below ROOT; an empty path is ROOT itself.
        paths: Vec<PathBuf>,
    },
    /// To undo them takes longer than it may: the container must be rebuilt.
    TooSlow,
}

/// A container's file system as it was when it was clean, and what has happened to it since.
#[derive(Debug)]
pub struct Journal {
    root: PathBuf,
    state: OwnedFd,
    inventory: Inventory,
    tree: Tree,
    watch: Watch,
    originals: Originals,
    quarantine: Quarantine,
    seen: Seen,
}

impl Journal {
    /// Takes stock of the clean container in `root`. `state` is a directory of its own, outside of `root` but on the same
    /// file system; it is made if it is missing.
    ///
    /// # Errors
    /// The container is not clean, or the operating system refuses.
    pub fn begin(root: &Path, state: &Path) -> Result<Self, JournalError> {
        Self::begin_with(root, state, watch::fair_share())
    }

    /// The same with at most so many watches. Without a watch on every directory, each [`Journal::restore`] compares all.
    ///
    /// # Errors
    /// As those of [`Journal::begin`].
    pub fn begin_with(root: &Path, state: &Path, watches: usize) -> Result<Self, JournalError> {
        let directory = open_state(state).map_err(JournalError::io(OPEN_STATE))?;
        match at::stat(&directory, DIRTY.as_ref()) {
            Ok(_) => return Err(JournalError::Unfinished),
            Err(Errno::ENOENT) => {}
            Err(error) => return Err(JournalError::io("look for a run's mark")(error)),
        }
        let device = |at| at::stat(at, ".".as_ref()).map(|stat| stat.st_dev);
        let tree = Tree::open(root).map_err(JournalError::io("open the container"))?;
        if device(tree.root()) != device(&directory) {
            let state = state.to_owned();
            return Err(JournalError::OtherFileSystem { state });
        }
        Self::take(root, directory, tree, watches)
            .map_err(JournalError::io("take stock of the container"))
    }

    /// Removes what runs have added to a container that is not used any more. `state` is the journal's directory.
    pub fn discard_additions(state: &Path) {
        rootfs::remove_tree(&state.join(quarantine::NAME));
    }

    fn take(root: &Path, state: OwnedFd, mut tree: Tree, watches: usize) -> io::Result<Self> {
        let mut quarantine = Quarantine::open(&state)?;
        match quarantine.sort_out(&BTreeMap::new(), &mut Budget::new(None)) {
            Err(UndoError::Io(error)) => return Err(error),
            Ok(_) | Err(UndoError::TooSlow) => {}
        }
        let mut watch = Watch::new(watches);
        let mut originals = Originals::begin(&state)?;
        let noted = lost_paths::read(&state)?;
        let taking = Scan {
            inventory: Inventory::default(),
            tree: &mut tree,
            watch: &mut watch,
            originals: &mut originals,
            noted: &noted,
        };
        let mut journal = Self {
            inventory: taking.take()?,
            root: root.to_owned(),
            state,
            tree,
            seen: Seen::nothing(),
            watch,
            originals,
            quarantine,
        };
        journal.forget()?;
        Ok(journal)
    }

    /// Whether a run was begun and not undone; `state` need not exist.
    pub fn is_unfinished(state: &Path) -> bool {
        state.join(DIRTY).exists()
    }

    /// Marks the container as being in use: until it is restored, no other process takes it for clean.
    ///
    /// # Errors
    /// The operating system's.
    pub fn mark_dirty(&self) -> Result<(), JournalError> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT;
        at::open_file(&self.state, DIRTY.as_ref(), flags)
            .map(drop)
            .map_err(JournalError::io("mark the container as in use"))
    }

    /// To be called when all processes of a run are gone, before anything else is done in ROOT.
    pub fn run_is_over(&mut self) {
        if self.drain().is_err() {
            self.seen = Seen::unknown();
        }
        self.watch.leave_foreign(&mut self.seen);
    }

    /// To be called when the container was rebuilt: what a journal in `state` knew of the old one's runs is forgotten,
    /// but for the paths that were lost.
    ///
    /// # Errors
    /// The operating system's.
    pub fn renewed(state: &Path) -> Result<(), JournalError> {
        let directory = open_state(state).map_err(JournalError::io(OPEN_STATE))?;
        at::unlink(&directory, DIRTY.as_ref()).map_err(JournalError::io("remove a run's mark"))
    }

    /// Collects what the kernel has told so far.
    fn drain(&mut self) -> Result<(), JournalError> {
        self.watch
            .collect(&self.inventory, &mut self.seen)
            .map_err(JournalError::io("read what has changed"))
    }

    /// Undoes what has happened since the container was clean, as long as there is time in the `budget`. No process may use it
    /// meanwhile.
    ///
    /// # Errors
    /// The operating system's; what is undone then is unknown.
    pub fn restore(&mut self, budget: Budget) -> Result<Restored, JournalError> {
        self.drain()?;
        self.seen.look_at_new(&self.inventory, &mut self.tree);
        let restored = if self.seen.is_nothing() {
            Restored::Clean
        } else {
            // Until all is undone, nothing is certain.
            let seen = std::mem::replace(&mut self.seen, Seen::unknown());
            self.undo(&seen, budget)
                .map_err(JournalError::io("undo what a run has changed"))?
        };
        match &restored {
            Restored::Lost { paths } => lost_paths::add(&self.state, paths)
                .map_err(JournalError::io("note what could not be undone"))?,
            Restored::TooSlow => {}
            Restored::Clean | Restored::Undone => at::unlink(&self.state, DIRTY.as_ref())
                .map_err(JournalError::io("remove a run's mark"))?,
        }
        Ok(restored)
    }

    fn undo(&mut self, seen: &Seen, budget: Budget) -> io::Result<Restored> {
        let there = open_path(&self.root).and_then(|root| at::stat(&root, ".".as_ref()));
        if there.map(|stat| stat.st_ino) != Ok(self.inventory.entry(ROOT).inode) {
            let paths = vec![PathBuf::new()];
            return Ok(Restored::Lost { paths });
        }
        let undo = Undo {
            inventory: &mut self.inventory,
            tree: &mut self.tree,
            watch: &mut self.watch,
            originals: &self.originals,
            quarantine: &mut self.quarantine,
            seen,
            budget,
            work: Work::default(),
        };
        let undone = undo.run();
        self.tree.forget();
        let paths = match undone {
            Ok(paths) => paths,
            Err(UndoError::TooSlow) => return Ok(Restored::TooSlow),
            Err(UndoError::Io(error)) => return Err(error),
        };
        if !paths.is_empty() {
            return Ok(Restored::Lost { paths });
        }
        self.forget()?;
        Ok(Restored::Undone)
    }

    /// What the journal did itself is nothing to undo.
    fn forget(&mut self) -> io::Result<()> {
        self.watch.collect(&self.inventory, &mut self.seen)?;
        self.seen = self.watch.nothing_seen();
        Ok(())
    }
}
