//! Why a record comes to no container's end of its own.

use std::io;

use crate::{
    response::{Failure, FailureName, Outcome},
    stage_in::StageInError,
};
use container::ContainerError;
use environment::Stop;
use storage::StorageError;

/// Why a record did not get as far as its container's end.
pub(super) enum RecordError {
    Failed(Failure),
    /// As `Failed`, because the image or the input does not fit onto the disk here.
    NoRoom(Failure),
    TimedOut(&'static str),
    Cancelled(i32),
}

impl RecordError {
    pub(super) fn stopped(why: Stop, doing: &'static str) -> Self {
        match why {
            Stop::Deadline => Self::TimedOut(doing),
            Stop::Cancelled(signal) => Self::Cancelled(signal),
        }
    }
}

impl From<ContainerError> for RecordError {
    fn from(error: ContainerError) -> Self {
        match error {
            ContainerError::Stopped { why, .. } => Self::stopped(why, "preparing the image"),
            error => {
                let broken = if matches!(error, ContainerError::NoSpace { .. }) {
                    Self::NoRoom
                } else {
                    Self::Failed
                };
                broken(Failure::new(FailureName::ImageFailed, error.to_string()))
            }
        }
    }
}

impl From<StageInError> for RecordError {
    fn from(error: StageInError) -> Self {
        let broken = match &error {
            StageInError::Storage(StorageError::NoSpace { .. }) => Self::NoRoom,
            StageInError::Payload { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Self::NoRoom
            }
            StageInError::Storage(_) | StageInError::Payload { .. } => Self::Failed,
        };
        broken(Failure::new(FailureName::StageInFailed, error.to_string()))
    }
}

/// The workspace could not be used.
pub(super) fn local_failure(action: &str, error: &io::Error) -> RecordError {
    let message = format!("cannot {action}: {error}");
    RecordError::Failed(Failure::new(FailureName::WorkspaceFailed, message))
}

/// A failed upload hides how the container ended: its message says it.
pub(super) fn with_end(mut failure: Failure, outcome: &Outcome) -> Failure {
    let end = match outcome {
        Outcome::Exited { code: 0 } | Outcome::Delegated { .. } | Outcome::Failed(_) => {
            return failure;
        }
        Outcome::Exited { code } => format!("exited with code {code}"),
        Outcome::Killed { signal } => format!("was killed by signal {signal}"),
        Outcome::TimedOut => "was stopped at the deadline".to_owned(),
    };
    failure.message.push_str("; before that, the container ");
    failure.message.push_str(&end);
    failure
}
