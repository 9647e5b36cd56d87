//! Errors in an event. Each names a field by its full path.

use std::fmt;

use thiserror::Error;

use super::Source;

/// An event that was recognised and cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EventError {
    /// A field that must be there is not.
    #[error("event field {field} is missing")]
    Missing {
        /// Full path, such as `Records[2].s3.object.key`.
        field: String,
    },
    /// A field holds something else than it should.
    #[error("event field {field}: {reason}")]
    Invalid {
        /// Full path, such as `Records[2].s3.object.key`.
        field: String,
        /// What was found and what was expected; scripts are not repeated.
        reason: String,
    },
}

impl EventError {
    /// The same error, seen from outside: `path` leads to what was being read.
    pub(super) fn within(self, path: &str) -> Self {
        let outer = |field: String| format!("{path}.{field}");
        match self {
            Self::Missing { field } => Self::Missing {
                field: outer(field),
            },
            Self::Invalid { field, reason } => Self::Invalid {
                field: outer(field),
                reason,
            },
        }
    }
}

/// An event that cannot be used, and the source that gets the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Where the event came from.
    pub source: Source,
    /// What is wrong with it.
    pub error: EventError,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Rejected {}

/// A field that is not there.
pub(super) fn missing(path: &str, field: &str) -> EventError {
    EventError::Missing {
        field: join(path, field),
    }
}

/// A field that cannot be used.
pub(super) fn invalid(field: impl Into<String>, reason: impl Into<String>) -> EventError {
    EventError::Invalid {
        field: field.into(),
        reason: reason.into(),
    }
}

/// The path of a field; the payload itself has none.
pub(super) fn join(path: &str, field: &str) -> String {
    if path.is_empty() {
        field.to_owned()
    } else {
        format!("{path}.{field}")
    }
}
