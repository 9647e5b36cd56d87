//! What is known of a run before its processes are looked for.

use std::{collections::BTreeSet, path::PathBuf};

use nix::unistd::Pid;

use environment::Platform;

use super::processes::Moment;

/// Who else starts processes as this user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Neighbours {
    /// Anybody: a process that nothing ties to the run is not touched.
    Anybody,
    /// Only the platform's extensions, as on Lambda: an orphan that came during the run is the run's, unless its program is an
    /// extension and it was started with the platform's own variables.
    Extensions,
}

impl Neighbours {
    /// Those of a process there.
    pub fn of(place: Platform) -> Self {
        match place {
            Platform::Lambda => Self::Extensions,
            Platform::Terminal => Self::Anybody,
        }
    }

    /// Its name in messages between processes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Anybody => "anybody",
            Self::Extensions => "extensions",
        }
    }

    /// From that name.
    pub fn parse(name: &str) -> Option<Self> {
        let all = [Self::Anybody, Self::Extensions];
        all.into_iter().find(|one| one.name() == name)
    }
}

/// What is known of a run.
#[derive(Debug, Clone)]
pub struct Lineage {
    /// The parent of the shim, and of other runs' shims.
    pub supervisor: Pid,
    /// The shim: what descends from it is the run's. It is not itself.
    pub shim: Pid,
    /// The leader of the run's first session, once there is one.
    pub leader: Option<Pid>,
    /// The directory that only this run has; empty where it has none.
    pub directory: PathBuf,
    /// The root directory of a container that only this run is in; empty where others may be.
    pub root: PathBuf,
    /// When the run began, in ticks of 10 ms or so: what started in the same one may have been there before.
    pub began: Moment,
    /// The processes that were there then, where somebody looked.
    pub before: Option<BTreeSet<Pid>>,
    /// Who else is here.
    pub neighbours: Neighbours,
}
