//! An event: its records, and the items that are answered one by one.

use bytes::Bytes;

use super::{EventError, SharedText, Source};
use config::{
    ProviderId,
    location::{Bucket, Key},
};

/// Name of the input file that holds the payload of a direct invocation.
pub const PAYLOAD_FILE_NAME: &str = "event-file";

/// The event of an invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Where it came from; decides how the outcome is answered.
    pub source: Source,
    /// What is to be processed, one run of the container each.
    pub records: Vec<Record>,
    /// What needs no run, with the reason, a line each.
    pub skipped: Vec<String>,
    /// The messages or tasks that are answered for one by one; empty for other sources.
    pub items: Vec<Item>,
}

impl Event {
    /// An event in which nothing has been found yet.
    pub(super) fn empty(source: Source) -> Self {
        Self {
            source,
            records: Vec::new(),
            skipped: Vec::new(),
            items: Vec::new(),
        }
    }
}

/// A message of a queue, or a task of a batch operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What the answer calls it: `messageId`, `taskId`.
    pub id: String,
    /// The error in its content, if it is malformed.
    pub rejected: Option<EventError>,
}

/// One thing to process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The input file.
    pub input: Input,
    /// When the event happened, in the source's own words.
    pub event_time: Option<String>,
    /// The event as text, of this record alone: `{"Records":[…]}` with one record for a store, the message for a queue,
    /// the whole request for HTTP, the whole payload for a direct invocation (bytes that are not UTF-8 are replaced
    /// here, and kept in [`Input::Payload`]).
    pub raw: SharedText,
    /// Script to run instead of the configured one.
    pub script: Option<Bytes>,
    /// Arguments for the image's entrypoint.
    pub cmd_args: Option<Vec<String>>,
    /// Query parameters of a request, decoded; values of one name are joined by `,`.
    pub parameters: Vec<(String, String)>,
    /// The message or task it belongs to, a position in [`Event::items`].
    pub item: Option<usize>,
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
        bytes: Bytes,
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

impl ObjectRef {
    /// The object for people: `s3://bucket/key`.
    pub fn url(&self) -> String {
        self.provider.kind.url(&self.bucket, self.key.as_str())
    }

    /// An object of which the event gives the name only.
    pub(super) fn named(provider: ProviderId, bucket: Bucket, key: Key) -> Self {
        Self {
            provider,
            bucket,
            key,
            version_id: None,
            size_hint: None,
        }
    }
}
