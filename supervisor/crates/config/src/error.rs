//! What can be wrong with a configuration. Each message names the key, the value and what was expected.

use thiserror::Error;

/// A configuration that cannot be used. Values of secrets are never part of a message.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// The text is not YAML.
    #[error("the configuration is not valid YAML, line {line}: {message}")]
    Syntax {
        /// Line of the first error, from 1; 0 when the parser does not know.
        line: u64,
        /// The parser's words.
        message: String,
    },
    /// A key has a value of the wrong type or outside its set.
    #[error("configuration key {key}: found {value}, expected {expected}")]
    Invalid {
        /// Full path of the key, such as `output[1].prefix`.
        key: String,
        /// The value found, shortened; only its type where it may be a secret.
        value: String,
        /// What is accepted.
        expected: String,
    },
    /// A key that must be there is not.
    #[error("configuration key {key} is missing, expected {expected}")]
    Missing {
        /// Full path of the key.
        key: String,
        /// What is accepted.
        expected: String,
    },
    /// An environment variable that overrides a key has a value outside the key's set.
    #[error("environment variable {variable}: found {value:?}, expected {expected}")]
    Override {
        /// The variable's name.
        variable: &'static str,
        /// Its value.
        value: String,
        /// What is accepted.
        expected: String,
    },
    /// An input or output names a storage provider that the file does not configure.
    #[error(
        "configuration key {key}: storage provider {id} is not configured (configured: {configured}); \
         add it below storage_providers"
    )]
    UnknownProvider {
        /// Full path of the key that names the provider.
        key: String,
        /// The provider's name.
        id: String,
        /// The providers that may be named, separated by commas.
        configured: String,
    },
}
