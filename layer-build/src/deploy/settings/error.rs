//! Why a function's settings cannot be used.

use thiserror::Error;

/// A key with a value that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SettingsError {
    /// Wrong type, or outside its set.
    #[error("{origin}: {key} is {value}, expected {expected}")]
    Invalid {
        /// Where it was set: file and line, or the command line.
        origin: String,
        /// The key, as in `scar.cfg` below `aws`.
        key: String,
        /// The value.
        value: String,
        /// What is accepted.
        expected: String,
    },
    /// Must be set and is not.
    #[error("{key} is not set: {remedy} ({origin})")]
    Missing {
        /// The key.
        key: String,
        /// What to do.
        remedy: String,
        /// Where it would be set.
        origin: String,
    },
}
