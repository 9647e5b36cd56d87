//! Why there is no journal, and why an undoing ends early.

use std::{io, path::PathBuf};

use nix::errno::Errno;
use thiserror::Error;

use crate::rollback::budget::Exceeded;

/// Why there is no journal, or the container's state is unknown. The container must be rebuilt, as if something were lost.
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
    pub(super) fn io<E: Into<io::Error>>(action: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::Io {
            action,
            source: error.into(),
        }
    }
}

/// Why an undoing ended early.
#[derive(Debug)]
pub(super) enum UndoError {
    /// It takes longer than its budget.
    TooSlow,
    Io(io::Error),
}

impl From<Exceeded> for UndoError {
    fn from(_: Exceeded) -> Self {
        Self::TooSlow
    }
}

impl From<io::Error> for UndoError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Errno> for UndoError {
    fn from(error: Errno) -> Self {
        Self::Io(error.into())
    }
}
