//! Keepers for runs. The one of the next run is started when the last one has been answered: to execute it and to mount its
//! overlay takes longer than anything else of a warm run that is not the container's own.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use crate::workspace::remove_tree;

use super::{ContainerError, running::Waiting, stage::Stage};

/// What becomes of changes in ROOT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changes {
    /// They stay in ROOT.
    InPlace,
    /// They go to a directory of the run.
    Apart,
}

/// A keeper for one run.
#[derive(Debug)]
pub struct Keeper {
    /// Itself.
    pub waiting: Waiting,
    /// What its run changes in ROOT, where that goes there.
    pub changed: Option<Changed>,
    root: PathBuf,
}

/// A directory that goes with what is in it.
#[derive(Debug)]
pub struct Changed(PathBuf);

impl Drop for Changed {
    fn drop(&mut self) {
        remove_tree(&self.0);
    }
}

/// Starts keepers, and has one ready.
#[derive(Debug, Default)]
pub struct Keepers(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    next: Option<Keeper>,
    /// What the last run asked for.
    last: Option<(PathBuf, Changes)>,
}

impl Keepers {
    /// A keeper, which `supervisor`'s file plays, for a run in `root`. If there is none that waits, changes go to
    /// `directory`, where they go apart.
    ///
    /// # Errors
    /// [`ContainerError::Io`] when no process could be made.
    pub fn take(
        &self,
        supervisor: &Path,
        root: &Path,
        changes: Changes,
        directory: &Path,
    ) -> Result<Keeper, ContainerError> {
        if let Some(keeper) = self.waiting(root, changes) {
            return Ok(keeper);
        }
        Keeper::start(supervisor, root, changes, directory)
    }

    /// The one that waits, if it does so for this; one for another container waits on, if that is there.
    fn waiting(&self, root: &Path, changes: Changes) -> Option<Keeper> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.last = Some((root.to_owned(), changes));
        let mut keeper = state.next.take()?;
        let fits = keeper.root == root && keeper.changes() == changes;
        match (fits, keeper.waiting.is_alive()) {
            (true, true) => return Some(keeper),
            (false, true) if keeper.root.is_dir() => state.next = Some(keeper),
            _ => keeper.dismiss(),
        }
        None
    }

    /// Has one ready for a run like the last; what that changes may go to a directory below `temp`.
    pub fn make_ready(&self, supervisor: &Path, temp: &Path) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((root, changes)) = state.last.clone() else {
            return;
        };
        if state.next.is_some() || !root.is_dir() {
            return;
        }
        let directory = match changes {
            Changes::InPlace => Ok(PathBuf::new()),
            Changes::Apart => tempfile::Builder::new()
                .prefix("faas-next-")
                .tempdir_in(temp)
                .map(tempfile::TempDir::keep),
        };
        let made = directory
            .map_err(ContainerError::io(format!("write to {}", temp.display())))
            .and_then(|directory| Keeper::start(supervisor, &root, changes, &directory));
        match made {
            Ok(keeper) => state.next = Some(keeper),
            // The next run will say it.
            Err(error) => tracing::debug!(%error, "no keeper in advance"),
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if let Some(keeper) = self.next.take() {
            keeper.dismiss();
        }
    }
}

impl Keeper {
    fn start(
        supervisor: &Path,
        root: &Path,
        changes: Changes,
        directory: &Path,
    ) -> Result<Self, ContainerError> {
        let kept_in = (changes == Changes::Apart).then(|| Changed(directory.to_owned()));
        let stage = Stage {
            root: root.to_owned(),
            changes: kept_in.as_ref().map(|kept_in| kept_in.0.clone()),
        };
        Ok(Self {
            waiting: Waiting::start(supervisor, &stage)?,
            changed: kept_in,
            root: stage.root,
        })
    }

    /// Ends it, and waits: it must not write any more to the directory that goes.
    fn dismiss(mut self) {
        self.waiting.kill();
    }

    fn changes(&self) -> Changes {
        match self.changed {
            None => Changes::InPlace,
            Some(_) => Changes::Apart,
        }
    }
}
