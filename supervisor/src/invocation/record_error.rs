//! Errors that end a record before its command ends by itself.

use std::io;

use crate::{
    response::{Failure, FailureName, Outcome},
    stage_in::StageInError,
};
use container::ContainerError;
use environment::Stop;
use storage::StorageError;

/// An error that ends a record before its command ends by itself.
pub(super) enum RecordError {
    Failed(Failure),
    /// As `Failed`, because the image or the input does not fit onto the disk here.
    NoRoom(Failure),
    TimedOut(&'static str),
    Cancelled(i32),
}

impl RecordError {
    /// A failure around the container.
    pub(super) fn failed(name: FailureName, message: String) -> Self {
        Self::Failed(Failure::new(name, message))
    }

    /// The workspace could not be used.
    pub(super) fn local(action: &str, error: &io::Error) -> Self {
        Self::failed(
            FailureName::WorkspaceFailed,
            format!("cannot {action}: {error}"),
        )
    }

    /// The record is stopped while `doing` something.
    pub(super) fn stopped(why: Stop, doing: &'static str) -> Self {
        match why {
            Stop::Deadline => Self::TimedOut(doing),
            Stop::Cancelled(signal) => Self::Cancelled(signal),
        }
    }

    /// Adds to a failure's message how the container ended before it: the failure would hide that.
    pub(super) fn after(self, outcome: &Outcome) -> Self {
        let Self::Failed(mut failure) = self else {
            return self;
        };
        if let Some(end) = describe(outcome) {
            failure.message.push_str("; before that, the container ");
            failure.message.push_str(&end);
        }
        Self::Failed(failure)
    }
}

/// How a container ended, unless it succeeded.
fn describe(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Exited { code: 0 } | Outcome::Delegated { .. } | Outcome::Failed(_) => None,
        Outcome::Exited { code } => Some(format!("exited with code {code}")),
        Outcome::Killed { signal } => Some(format!("was killed by signal {signal}")),
        Outcome::TimedOut => Some("was stopped at the deadline".to_owned()),
    }
}

impl From<ContainerError> for RecordError {
    fn from(error: ContainerError) -> Self {
        match error {
            ContainerError::Stopped { why, .. } => Self::stopped(why, "preparing the image"),
            error => {
                let kind = if matches!(error, ContainerError::NoSpace { .. }) {
                    Self::NoRoom
                } else {
                    Self::Failed
                };
                kind(Failure::new(FailureName::ImageFailed, error.to_string()))
            }
        }
    }
}

impl From<StageInError> for RecordError {
    fn from(error: StageInError) -> Self {
        let kind = match &error {
            StageInError::Storage(StorageError::NoSpace { .. }) => Self::NoRoom,
            StageInError::Payload { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Self::NoRoom
            }
            StageInError::Storage(_) | StageInError::Payload { .. } => Self::Failed,
        };
        kind(Failure::new(FailureName::StageInFailed, error.to_string()))
    }
}
