//! Keepers for runs. The one of the next run is started when the last one has been answered: to execute it, to mount its
//! overlay and to start proot takes longer than anything else of a warm run that is not the container's own.

use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{
    ContainerError,
    handoff::Handoff,
    order::{First, Start},
    running::Waiting,
    stage::Stage,
};

/// A keeper for one run.
#[derive(Debug)]
pub struct Keeper {
    /// Itself.
    pub waiting: Waiting,
    /// The pipes between its container and us.
    pub handoff: Handoff,
    /// When it was started.
    pub made: Made,
    stage: Stage,
    start: Start,
}

/// Whether a keeper has had time to end unnoticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// Right before the run.
    Now,
    /// After the last one.
    InAdvance,
}

/// Starts keepers, and has one ready.
#[derive(Debug, Default)]
pub struct Keepers(Mutex<Next>);

#[derive(Debug, Default)]
struct Next(Option<Keeper>);

impl Keepers {
    /// A keeper, which `supervisor`'s file plays, on the `stage`, for a container that begins with `start`: the one that waits,
    /// if it does so for exactly this.
    ///
    /// # Errors
    /// [`ContainerError::Io`] when no process or pipe could be made.
    pub fn take(
        &self,
        supervisor: &Path,
        stage: Stage,
        start: &Start,
    ) -> Result<Keeper, ContainerError> {
        match self.lock().take_for(&stage, start) {
            Some(keeper) => Ok(keeper),
            None => Keeper::start(supervisor, stage, start.clone()),
        }
    }

    /// A new one, where the one that was taken had ended.
    ///
    /// # Errors
    /// See [`Self::take`].
    pub fn anew(supervisor: &Path, stage: Stage, start: Start) -> Result<Keeper, ContainerError> {
        stage.clear();
        Keeper::start(supervisor, stage, start)
    }

    /// Has one ready for such a run. One that waits for a run that may come still waits on.
    ///
    /// # Errors
    /// [`ContainerError::Io`] when no process or pipe could be made: the next run will say it, too.
    pub fn make_ready(
        &self,
        supervisor: &Path,
        stage: Stage,
        start: Start,
    ) -> Result<(), ContainerError> {
        let mut next = self.lock();
        if let Some(keeper) = &next.0
            && keeper.start.handoff.is_dir()
        {
            return Ok(());
        }
        next.dismiss();
        let mut keeper = Keeper::start(supervisor, stage, start)?;
        if keeper.start.first == First::InProot
            && let Err(error) = keeper.waiting.begin(&keeper.start)
        {
            keeper.dismiss();
            return Err(error);
        }
        keeper.made = Made::InAdvance;
        next.0 = Some(keeper);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Next> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Next {
    /// One for another run stays, if that may come still.
    fn take_for(&mut self, stage: &Stage, start: &Start) -> Option<Keeper> {
        let mut keeper = self.0.take()?;
        if keeper.start.handoff != start.handoff {
            self.0 = Some(keeper);
            return None;
        }
        if keeper.fits(stage, start) && keeper.waiting.is_alive() {
            return Some(keeper);
        }
        keeper.dismiss();
        None
    }

    fn dismiss(&mut self) {
        if let Some(keeper) = self.0.take() {
            keeper.dismiss();
        }
    }
}

impl Drop for Next {
    fn drop(&mut self) {
        self.dismiss();
    }
}

impl Keeper {
    fn start(supervisor: &Path, stage: Stage, start: Start) -> Result<Self, ContainerError> {
        let handoff = Handoff::make(&start.handoff).map_err(ContainerError::io(format!(
            "prepare {}",
            start.handoff.display()
        )))?;
        Ok(Self {
            waiting: Waiting::start(supervisor, &stage)?,
            handoff,
            made: Made::Now,
            stage,
            start,
        })
    }

    /// What has been started is what is wanted; where that is nothing, the command line does not matter.
    fn fits(&self, stage: &Stage, start: &Start) -> bool {
        let begun = match self.start.first {
            First::InProot => self.start == *start,
            First::Inside | First::Keeper => self.start.first == start.first,
        };
        begun && self.stage == *stage
    }

    /// Before its directories go or are another one's.
    fn dismiss(self) {
        self.waiting.dismiss();
        self.stage.clear();
    }
}
