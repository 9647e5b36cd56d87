//! Keepers for runs. The one of the next run is started when the last one has been answered: to execute it and to mount its
//! overlay takes longer than anything else of a warm run that is not the container's own.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use crate::workspace::remove_tree;

use super::{ContainerError, running::Waiting, stage::Stage};

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
    /// Where the last run was.
    last: Option<Stage>,
}

impl Keepers {
    /// A keeper, which `supervisor`'s file plays, on the `stage`. One that waits has a directory of its own for the changes,
    /// where they go to one.
    ///
    /// # Errors
    /// [`ContainerError::Io`] when no process could be made.
    pub fn take(&self, supervisor: &Path, stage: Stage) -> Result<Keeper, ContainerError> {
        match self.waiting(&stage) {
            Some(keeper) => Ok(keeper),
            None => Keeper::start(supervisor, stage),
        }
    }

    /// The one that waits, if it does so for this; one for another container waits on, if that is there.
    fn waiting(&self, wanted: &Stage) -> Option<Keeper> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.last = Some(wanted.clone());
        let mut keeper = state.next.take()?;
        match (keeper.fits(wanted), keeper.waiting.is_alive()) {
            (true, true) => return Some(keeper),
            (false, true) if keeper.root.is_dir() => state.next = Some(keeper),
            _ => keeper.dismiss(),
        }
        None
    }

    /// Has one ready for a run like the last; what that changes may go to a directory below `temp`.
    pub fn make_ready(&self, supervisor: &Path, temp: &Path) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(last) = &state.last else { return };
        if state.next.is_some() || !last.root.is_dir() {
            return;
        }
        let made = next_stage(last, temp)
            .map_err(ContainerError::io(format!("write to {}", temp.display())))
            .and_then(|stage| Keeper::start(supervisor, stage));
        match made {
            Ok(keeper) => state.next = Some(keeper),
            // The next run will say it.
            Err(error) => tracing::debug!(%error, "no keeper in advance"),
        }
    }
}

/// The same stage, with a directory of its own for the changes, where they go to one.
fn next_stage(last: &Stage, temp: &Path) -> io::Result<Stage> {
    let mut next = last.clone();
    if let Some(changes) = &mut next.changes {
        let directory = tempfile::Builder::new()
            .prefix("faas-next-")
            .tempdir_in(temp)?;
        *changes = directory.keep();
    }
    Ok(next)
}

impl Drop for State {
    fn drop(&mut self) {
        if let Some(keeper) = self.next.take() {
            keeper.dismiss();
        }
    }
}

impl Keeper {
    fn start(supervisor: &Path, stage: Stage) -> Result<Self, ContainerError> {
        let waiting = Waiting::start(supervisor, &stage);
        // The directory goes if there is no keeper, too.
        let changed = stage.changes.map(Changed);
        Ok(Self {
            waiting: waiting?,
            changed,
            root: stage.root,
        })
    }

    fn fits(&self, stage: &Stage) -> bool {
        self.root == stage.root && self.changed.is_some() == stage.changes.is_some()
    }

    /// Ends it, and waits: it must not write any more to the directory that goes.
    fn dismiss(mut self) {
        self.waiting.kill();
    }
}
