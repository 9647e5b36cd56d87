//! Failures around the container, and their names on every wire.

use std::fmt;

/// What failed around the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its name on the wire.
    pub name: FailureName,
    /// What was being done, to what, and what to do next.
    pub message: String,
}

impl Failure {
    /// A failure of this name.
    pub fn new(name: FailureName, message: impl Into<String>) -> Self {
        Self {
            name,
            message: message.into(),
        }
    }
}

/// The kinds of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureName {
    /// The event, or one of its messages or tasks, cannot be parsed.
    EventInvalid,
    /// The configuration cannot be used.
    ConfigInvalid,
    /// The directories of the invocation cannot be used.
    WorkspaceFailed,
    /// The image cannot be prepared, or its container cannot be started.
    ImageFailed,
    /// The input did not arrive.
    StageInFailed,
    /// An output did not arrive.
    StageOutFailed,
    /// AWS Batch did not take the record.
    DelegationFailed,
    /// The output files do not fit into the answer.
    ResponseTooLarge,
    /// The report on the sandbox cannot be made.
    DoctorFailed,
}

impl FailureName {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EventInvalid => "EventInvalid",
            Self::ConfigInvalid => "ConfigInvalid",
            Self::WorkspaceFailed => "WorkspaceFailed",
            Self::ImageFailed => "ImageFailed",
            Self::StageInFailed => "StageInFailed",
            Self::StageOutFailed => "StageOutFailed",
            Self::DelegationFailed => "DelegationFailed",
            Self::ResponseTooLarge => "ResponseTooLarge",
            Self::DoctorFailed => "DoctorFailed",
        }
    }

    /// Whether the same event fails again until it or the configuration is changed.
    pub fn is_permanent(self) -> bool {
        matches!(self, Self::EventInvalid | Self::ConfigInvalid)
    }
}

impl fmt::Display for FailureName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
