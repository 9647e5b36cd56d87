//! Warm containers without mounts: what a run changed in the image's file system is undone before the next one.
//!
//! Between `prepare` and a run, where no overlay can be had (an unprivileged user on AWS Lambda). [`Journal::begin`] takes
//! stock of a clean ROOT once; the kernel tells of changes while a run goes on ([`watch`]); [`Journal::restore`] looks
//! only where something happened ([`undo`]). What cannot be undone is told, and its original is kept the next time.
//!
//! ROOT is hostile after a run. Whatever it holds, nothing here reaches outside through it: see [`at`] and [`quarantine`]. Every
//! process of the run must be gone before ROOT is restored.

mod at;
mod foreign;
mod inventory;
mod lost_paths;
mod originals;
mod quarantine;
mod scan;
mod tree;
mod undo;
mod watch;

use std::{
    collections::BTreeMap,
    io,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::OFlag,
    sys::stat::{Mode, mkdirat},
    unistd::symlinkat,
};
use thiserror::Error;

use self::{
    foreign::Expected,
    inventory::{Inventory, ROOT},
    originals::Originals,
    tree::{Tree, open_path, open_state},
    undo::{Undo, Work},
    watch::{EventCoverage, Seen, Watch},
};
use crate::rollback::journal::{quarantine::Quarantine, scan::Scan};

const DIRTY: &str = "dirty";
const OPEN_STATE: &str = "open the journal's directory";

/// What became of the changes of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restored {
    /// There were none.
    Clean,
    /// They are undone.
    Undone,
    /// Some cannot be undone: the container must be made anew.
    Lost {
        /// The first of what is lost, below ROOT; an empty path is ROOT itself.
        paths: Vec<PathBuf>,
    },
}

/// Why there is no journal, or the container's state is unknown. It must be made anew, as if something were lost.
#[derive(Debug, Error)]
pub enum JournalError {
    /// A process died between a run and its restoration.
    #[error("the container was left in the middle of a run")]
    Unfinished,
    /// Nothing can be moved between the container and the journal's directory.
    #[error("the container and {} are on different file systems", state.display())]
    OtherFileSystem {
        /// The journal's directory.
        state: PathBuf,
    },
    /// The operating system refused something.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// Why it failed.
        source: io::Error,
    },
}

impl JournalError {
    fn io<E: Into<io::Error>>(action: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::Io {
            action,
            source: error.into(),
        }
    }
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

    fn take(root: &Path, state: OwnedFd, mut tree: Tree, watches: usize) -> io::Result<Self> {
        let mut quarantine = Quarantine::open(&state)?;
        quarantine.sort_out(&BTreeMap::new())?;
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

    /// Puts a link to `path`, a directory of this machine, at the same path inside, for the next run, together with the directory
    /// it is in: nobody watches a directory that comes with a run, and all files of the image are compared after it. This one
    /// is watched until [`Self::run_is_over`], and so are `path` and the directories in it, as a run can give a file of the
    /// image another name there. Where the directory above is not the image's, nothing is made.
    ///
    /// # Errors
    /// The operating system's.
    pub fn link(&mut self, path: &Path) -> Result<(), JournalError> {
        self.drain()?;
        let Some(directory) = self.directory_for(path) else {
            return Ok(());
        };
        let watched = self
            .make_link(directory, path)
            .map_err(JournalError::io("link a directory of the run"))?;
        // No run goes on yet: what is heard of is the link alone.
        let mut heard = Seen::nothing();
        self.watch
            .collect(&self.inventory, &mut heard)
            .map_err(JournalError::io("read what has changed"))?;
        self.seen.touched.insert(directory);
        if heard.sight == EventCoverage::Lost {
            self.seen.sight = EventCoverage::Lost;
        }
        if !(watched && self.watch_shared(path)) {
            self.seen.sight = self.seen.sight.max(EventCoverage::Blurred);
        }
        Ok(())
    }

    /// Watches what a run shares with this machine; whether that is possible.
    fn watch_shared(&mut self, path: &Path) -> bool {
        let directories = foreign::directories(path).unwrap_or_default();
        let watched = |path: &PathBuf| {
            open_path(path).is_ok_and(|opened| self.watch.add_foreign(opened, Expected::Files))
        };
        !directories.is_empty() && directories.iter().all(watched)
    }

    /// The image's directory in which that of the link is to be; none where there is none, or something has its name.
    fn directory_for(&self, path: &Path) -> Option<u32> {
        let own = path.strip_prefix("/").ok()?.parent()?;
        let directory = self.inventory.directory_at(own.parent()?)?;
        let is_free = self.inventory.find(directory, own.file_name()?).is_none();
        is_free.then_some(directory)
    }

    /// Whether the directory of the link is watched.
    fn make_link(&mut self, directory: u32, path: &Path) -> nix::Result<bool> {
        let own = path.parent().and_then(Path::file_name);
        let (Some(own), Some(name)) = (own, path.file_name()) else {
            return Ok(false);
        };
        let above = self.tree.directory(&self.inventory, directory)?;
        mkdirat(&above, own, Mode::from_bits_truncate(0o755))?;
        let opened = at::open_directory(&above, own)?;
        symlinkat(path, &opened, name)?;
        Ok(self.watch.add_foreign(opened, Expected::Nothing))
    }

    /// To be called when all processes of a run are gone, before anything else is done in ROOT.
    pub fn run_is_over(&mut self) {
        if self.drain().is_err() {
            self.seen = Seen::unknown();
        }
        self.watch.leave_foreign(&mut self.seen);
    }

    /// To be called when the container was made anew: what a journal in `state` knew of the old one's runs is forgotten,
    /// but for the paths that were lost.
    ///
    /// # Errors
    /// The operating system's.
    pub fn renewed(state: &Path) -> Result<(), JournalError> {
        let directory = open_state(state).map_err(JournalError::io(OPEN_STATE))?;
        at::unlink(&directory, DIRTY.as_ref()).map_err(JournalError::io("remove a run's mark"))
    }

    /// Collects what the kernel tells, so that its queue does not overflow; at any time, and without waiting.
    ///
    /// # Errors
    /// The operating system's.
    pub fn drain(&mut self) -> Result<(), JournalError> {
        self.watch
            .collect(&self.inventory, &mut self.seen)
            .map_err(JournalError::io("read what has changed"))
    }

    /// Readable when there is something to [`Journal::drain`]; none if nothing can be watched here.
    pub fn queue(&self) -> Option<BorrowedFd<'_>> {
        self.watch.queue().map(|queue| queue.as_fd())
    }

    /// Undoes what has happened since the container was clean. No process may use it meanwhile.
    ///
    /// # Errors
    /// The operating system's; what is undone then is unknown.
    pub fn restore(&mut self) -> Result<Restored, JournalError> {
        self.drain()?;
        let restored = if self.seen.is_nothing() {
            Restored::Clean
        } else {
            // Until all is undone, nothing is certain.
            let seen = std::mem::replace(&mut self.seen, Seen::unknown());
            self.undo(&seen)
                .map_err(JournalError::io("undo what a run has changed"))?
        };
        match &restored {
            Restored::Lost { paths } => lost_paths::add(&self.state, paths)
                .map_err(JournalError::io("note what could not be undone"))?,
            Restored::Clean | Restored::Undone => at::unlink(&self.state, DIRTY.as_ref())
                .map_err(JournalError::io("remove a run's mark"))?,
        }
        Ok(restored)
    }

    fn undo(&mut self, seen: &Seen) -> io::Result<Restored> {
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
            work: Work::default(),
        };
        let paths = undo.run()?;
        self.tree.forget();
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
