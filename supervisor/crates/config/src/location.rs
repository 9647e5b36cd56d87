//! The names of things in an object store, as types: a [`Bucket`] is never a [`Key`].

use std::fmt;

use thiserror::Error;

/// Longest object key S3 accepts, in bytes of UTF-8 (S3 user guide, "Naming Amazon S3 objects").
pub const MAX_KEY_BYTES: usize = 1024;

/// A name that no object store can hold.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LocationError {
    /// The bucket's name is empty or holds a slash or NUL.
    #[error("bucket name {0:?} is not valid: expected a non-empty name without '/'")]
    Bucket(String),
    /// The key is empty, holds a NUL or is longer than [`MAX_KEY_BYTES`].
    #[error("object key {0:?} is not valid: expected 1 to {MAX_KEY_BYTES} bytes without NUL")]
    Key(String),
}

/// The name of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bucket(String);

impl Bucket {
    /// Checks what every store needs of a bucket's name; the store itself may be stricter.
    ///
    /// # Errors
    /// [`LocationError::Bucket`] when the name is empty, is `.` or `..`, or holds `/` or NUL.
    pub fn new(name: impl Into<String>) -> Result<Self, LocationError> {
        let name = name.into();
        if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
            return Err(LocationError::Bucket(name));
        }
        Ok(Self(name))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The key of an object, decoded: exactly the bytes the store knows it by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(String);

impl Key {
    /// Checks the limits S3 puts on a key.
    ///
    /// # Errors
    /// [`LocationError::Key`] when the key is empty, too long or holds a NUL.
    pub fn new(key: impl Into<String>) -> Result<Self, LocationError> {
        let key = key.into();
        if key.is_empty() || key.len() > MAX_KEY_BYTES || key.contains('\0') {
            return Err(LocationError::Key(key));
        }
        Ok(Self(key))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
