//! How the next run is kept from the changes that a run makes in its container's ROOT.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use nix::fcntl::Flock;
use tokio::sync::OnceCell;

use super::{
    budget::Budget,
    journal::{Inside, Journal, Restored},
    scratch::Baseline,
};
use crate::{
    engine::{
        command::is_runc,
        settings::{Overlay, UdockerSettings},
    },
    error::ContainerError,
    exec::process::Running,
    shim::overlay::OverlayMount,
};

/// How long the attempt to mount an overlay may take. The limits of the first invocation do not apply, because all
/// invocations use the result.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is done about changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RollbackPolicy {
    /// They go to a directory of the run, see [`crate::shim::overlay`]; runs in one container do not see each other's.
    Overlay,
    /// They are found and undone before the next run; each run has the container to itself.
    Journal,
    /// Additions in scratch directories are removed: the engine's own mounts or users stand against more.
    Scratch,
}

impl RollbackPolicy {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Overlay => "overlay",
            Self::Journal => "journal",
            Self::Scratch => "scratch",
        }
    }

    /// What it means for a run's changes.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Overlay => "goes to an overlay, and with it",
            Self::Journal => "is undone before the next",
            Self::Scratch => {
                "stays, but for additions in /tmp, /var/tmp, /run, /dev/shm, /root and its working directory"
            }
        }
    }
}

/// What is done about changes in one container.
#[derive(Debug, Clone)]
pub enum Undo {
    /// See [`RollbackPolicy::Overlay`].
    Overlay,
    /// See [`RollbackPolicy::Journal`].
    Journal(Arc<Mutex<Claimed>>),
    /// See [`RollbackPolicy::Scratch`].
    Scratch(Baseline),
    /// The container is rebuilt after each run: changes in it cannot be found here. No other process uses it meanwhile.
    Rebuild(Arc<Flock<File>>),
}

/// A container that no other process uses, and what is known of it.
#[derive(Debug)]
pub struct Claimed {
    journal: Journal,
    _held_until_the_end: Flock<File>,
}

/// Whether the next run finds the image as it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It does.
    Clean,
    /// These paths inside are not what they were, and nobody has what they were: the container must be rebuilt.
    Lost(Vec<PathBuf>),
    /// To rebuild the container takes less time than to undo the run's changes.
    TooSlow,
    /// Nobody knows: the container must be rebuilt.
    Unknown,
}

impl Undo {
    /// With `journal`, for a container that this process has a `claim` on.
    pub fn journal(journal: Journal, claim: Flock<File>) -> Self {
        let claimed = Claimed {
            journal,
            _held_until_the_end: claim,
        };
        Self::Journal(Arc::new(Mutex::new(claimed)))
    }

    /// To be called right before a run. `shared` is the run's own directory on this machine, and `inside` what the engine needs at
    /// its path in ROOT.
    pub fn before_run(&self, shared: &Path, inside: Option<Inside>) {
        let Self::Journal(journal) = self else { return };
        let journal = &mut lock(journal).journal;
        if let Err(error) = journal.mark_dirty() {
            tracing::warn!(%error, "should this process be killed now, the next one would not know that the image has changed");
        }
        if let Err(error) = journal.share(shared, inside) {
            // The shim or udocker makes it, or says why it cannot.
            tracing::debug!(%error, "nothing is made in advance for the run's directory");
        }
    }

    /// To be called when all processes of a run are gone, before anything is removed from the container.
    pub fn run_is_over(&self) {
        if let Self::Journal(journal) = self {
            lock(journal).journal.run_is_over();
        }
    }

    /// To be called when all processes of a run are gone, and no other uses the container. To undo changes in a journal may take
    /// as long as `build_time`, which is what the container took to be built, where that is known.
    pub fn after_run(&self, directory: &Path, build_time: Option<Duration>) -> State {
        match self {
            Self::Overlay => State::Clean,
            Self::Scratch(baseline) => {
                baseline.restore(&directory.join("ROOT"));
                State::Clean
            }
            Self::Rebuild(_) => State::Unknown,
            Self::Journal(journal) => {
                match lock(journal).journal.restore(Budget::new(build_time)) {
                    Ok(Restored::Clean | Restored::Undone) => State::Clean,
                    Ok(Restored::Lost { paths }) => State::Lost(paths),
                    Ok(Restored::TooSlow) => State::TooSlow,
                    Err(error) => {
                        tracing::warn!(%error, "a run's changes in the image cannot be undone");
                        State::Unknown
                    }
                }
            }
        }
    }
}

fn lock(journal: &Mutex<Claimed>) -> MutexGuard<'_, Claimed> {
    journal.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Finds out what can be done, once.
#[derive(Debug, Default)]
pub struct PolicyProbe(OnceCell<RollbackPolicy>);

impl PolicyProbe {
    /// What is done in containers of `settings`' store; `temp` is where changes go.
    ///
    /// # Errors
    /// [`ContainerError::Io`] when the attempt could not be made.
    pub async fn choose(
        &self,
        settings: &UdockerSettings,
        temp: &Path,
    ) -> Result<RollbackPolicy, ContainerError> {
        let chosen = self.0.get_or_try_init(|| find_out(settings, temp));
        chosen.await.copied()
    }
}

async fn find_out(
    settings: &UdockerSettings,
    temp: &Path,
) -> Result<RollbackPolicy, ContainerError> {
    let mode = settings.mode;
    let hygiene = if is_runc(mode) || mode.to_string().starts_with('S') {
        RollbackPolicy::Scratch
    } else if settings.overlay == Overlay::WherePossible && try_overlay(settings, temp).await? {
        RollbackPolicy::Overlay
    } else {
        RollbackPolicy::Journal
    };
    tracing::debug!(?hygiene, "what becomes of changes in the image");
    Ok(hygiene)
}

/// Lets a shim mount an overlay over the store, where nobody else sees it, and end.
async fn try_overlay(settings: &UdockerSettings, temp: &Path) -> Result<bool, ContainerError> {
    let store = &settings.containers;
    std::fs::create_dir_all(store)
        .map_err(ContainerError::io(format!("make {}", store.display())))?;
    let scratch = temp.join("overlay");
    let overlay = OverlayMount {
        root: store.clone(),
        changes: Some(scratch.clone()),
    };
    let mut shim = Running::start_without_spec(&settings.supervisor, &overlay, PATIENCE)?;
    let ended = shim.finish(PATIENCE).await;
    tracing::debug!(message = shim.messages.text(), ?ended, "overlay tried");
    rootfs::remove_tree(&scratch);
    Ok(ended.is_some_and(|status| status.success()))
}
