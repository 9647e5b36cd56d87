//! Events: the bytes an invocation was started with, to an [`Event`]. Pure and total: any bytes are some event.
//!
//! | bytes | source | records |
//! |---|---|---|
//! | `Records[].eventSource` = `aws:s3` | [`Source::Storage`] | one object per record; removals and folder markers are skipped |
//! | `Event` = `s3:TestEvent` | [`Source::Storage`] | none; skipped |
//! | anything else | [`Source::Direct`] | one; the bytes themselves are the input file |
//!
//! A further source is a row here, a variant of [`Source`], a module beside `s3` and a line in [`parse`]; the
//! compiler then asks for its column in the response table.

mod decode;
mod direct;
mod s3;

use thiserror::Error;

use crate::config::{FunctionConfig, ProviderId};
use crate::storage::location::{Bucket, Key};

pub use decode::form_decode;

/// Name of the input file that holds the payload of a direct invocation.
pub const PAYLOAD_FILE_NAME: &str = "event-file";

/// What an invocation was started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Where it came from; decides how the outcome is answered.
    pub source: Source,
    /// What is to be processed, one run of the container each.
    pub records: Vec<Record>,
    /// What is not, and why: one line each.
    pub skipped: Vec<String>,
}

/// Where an event came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// A notification of an object store.
    Storage,
    /// A caller's own payload.
    Direct,
}

/// One thing to process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The input file.
    pub input: Input,
    /// When the event happened, in the source's own words.
    pub event_time: Option<String>,
    /// The event as text, of this record alone: `{"Records":[…]}` with one record for a store, the whole payload
    /// for a direct invocation (bytes that are not UTF-8 are replaced here, and kept in [`Input::Payload`]).
    pub raw: String,
    /// Script to run instead of the configured one.
    pub script: Option<Vec<u8>>,
    /// Arguments for the image's entrypoint.
    pub cmd_args: Option<Vec<String>>,
}

/// The input file of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// There is none.
    None,
    /// An object to download.
    Object(ObjectRef),
    /// Bytes that came with the event.
    Payload {
        /// The file's content.
        bytes: Vec<u8>,
        /// The file's name.
        name: String,
    },
}

/// An object in a store.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectRef {
    /// The store.
    pub provider: ProviderId,
    /// The object's bucket.
    pub bucket: Bucket,
    /// The object's key, decoded.
    pub key: Key,
    /// The version the event is about, in a versioned bucket.
    pub version_id: Option<String>,
    /// The object's size in bytes according to the event; the store knows better.
    pub size_hint: Option<u64>,
}

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
    /// Which kind of event was found wrong, so that its caller can be answered.
    pub fn source(&self) -> Source {
        let (Self::Missing { field } | Self::Invalid { field, .. }) = self;
        if field.starts_with("Records") {
            Source::Storage
        } else {
            Source::Direct
        }
    }
}

/// Finds out what kind of event the payload is and takes it apart.
///
/// # Errors
/// [`EventError`] when the payload is of a known kind and a field of it cannot be used. Bytes of no known kind are
/// a direct invocation, never an error.
pub fn parse(payload: &[u8], config: &FunctionConfig) -> Result<Event, EventError> {
    match s3::parse(payload, config)? {
        Some(event) => Ok(event),
        None => direct::parse(payload),
    }
}
