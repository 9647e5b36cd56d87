//! Events: the bytes an invocation was started with, to an [`Event`]. Pure and total: any bytes are some event.
//!
//! What an event is, is decided by its shape. The first row that matches wins:
//!
//! | bytes | source | records |
//! |---|---|---|
//! | `event` and `storage_provider` | that of the inner event | those of the inner event, from that provider |
//! | `Event` = `s3:TestEvent` | [`Source::Storage`] | none; skipped |
//! | `Records[].eventSource` = `aws:s3` or `minio:s3` | [`Source::Storage`] | one object per record; removals and folder markers are skipped |
//! | `EventName` = `s3:…` and `Key`, without `Records` | [`Source::Storage`] | the object that `MinIO` names |
//! | `Records[].eventSource` = `OneTrigger` | [`Source::Storage`] | the file of Onedata that `Key` names |
//! | `mask` of `IN_…` in `event` beside `subscription`, or alone | [`Source::Storage`] | the file of dCache, in the folder of the `webdav` input; directories and removals are skipped |
//! | `Records[].eventSource` = `aws:sqs` | [`Source::Queue`] | what each message carries; a malformed message fails alone |
//! | `Records[].EventSource` = `aws:sns` | [`Source::Notification`] | what each message carries |
//! | `source` = `aws.s3` and `detail-type` | [`Source::Notification`] | the object of `Object Created`; other types are skipped |
//! | `invocationSchemaVersion` and `tasks` | [`Source::Operations`] | one object per task; a malformed task fails alone |
//! | `requestContext.elb` | [`Source::Http`], load balancer | one; the body is the input file |
//! | `requestContext.http` | [`Source::Http`], payload version 2.0 | one; the body is the input file |
//! | `httpMethod` with `requestContext` or `path` | [`Source::Http`], payload version 1.0 | one; the body is the input file |
//! | anything else | [`Source::Direct`] | one; the bytes themselves are the input file |
//!
//! The order matters in few places. A delegated event comes first because its sender says what it is, whatever is
//! inside. A load balancer's request has an `httpMethod` too, so it comes before version 1.0. All other rows exclude each
//! other. Whoever sends an HTTP request chooses its body, headers and parameters only, never the fields looked at here.
//!
//! A message (of a queue, a topic) carries, again the first that matches: a delegated event, a storage notification (of
//! Onedata and dCache too), an `EventBridge` event, the envelope of a topic (`Type` = `Notification`, with one of these inside), or anything else,
//! which is a direct payload. An HTTP body is a direct payload, unless `http.storage_events` lets the first three
//! kinds be found in it.
//!
//! A further source is a row here, a variant of [`Source`], a module beside `s3` and a line in `SOURCES`; the compiler
//! then asks for its column in the response table.

mod bridge;
mod dcache;
mod decode;
mod delegated;
mod direct;
mod document;
mod error;
mod http;
mod object;
mod onedata;
mod operations;
mod queue;
mod s3;
mod source;
mod topic;

use config::location::{Bucket, Key};
use config::{FunctionConfig, ProviderId};
use document::Document;
use error::{invalid, join, missing};
use object::Scope;

pub use decode::form_decode;
pub use error::{EventError, Rejected};
pub use source::{HeaderForm, HttpApi, Operation, Source};

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
    /// The messages or tasks that are answered for one by one; empty for other sources.
    pub items: Vec<Item>,
}

/// A message of a queue, or a task of a batch operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What the answer calls it: `messageId`, `taskId`.
    pub id: String,
    /// Why none of it can be processed, when its content is malformed.
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
    pub raw: String,
    /// Script to run instead of the configured one.
    pub script: Option<Vec<u8>>,
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

impl ObjectRef {
    /// The object for people: `s3://bucket/key`.
    pub fn url(&self) -> String {
        self.provider.kind.url(&self.bucket, self.key.as_str())
    }

    /// An object of which the event tells its name and nothing more.
    fn named(provider: ProviderId, bucket: Bucket, key: Key) -> Self {
        Self {
            provider,
            bucket,
            key,
            version_id: None,
            size_hint: None,
        }
    }
}

/// Finds out what kind of event the payload is and takes it apart.
///
/// # Errors
/// [`Rejected`] when the payload is of a known kind and a field of it cannot be used. Bytes of no known kind are
/// a direct invocation, never an error.
pub fn parse(payload: &[u8], config: &FunctionConfig) -> Result<Event, Rejected> {
    detect(payload, SOURCES, Scope::new(config))
}

/// Takes an event apart if it is of its kind.
type Parser = fn(&Document<'_>, Scope<'_>) -> Option<Result<Event, Rejected>>;

/// The table above, but for its last row.
const SOURCES: &[Parser] = &[
    delegated::parse,
    s3::parse,
    onedata::parse,
    dcache::parse,
    queue::parse,
    topic::parse,
    bridge::parse,
    operations::parse,
    http::parse,
];

/// What a message may carry, but for a direct payload.
const CARRIED: &[Parser] = &[
    delegated::parse,
    s3::parse,
    onedata::parse,
    dcache::parse,
    bridge::parse,
    topic::parse_envelope,
];

fn detect(payload: &[u8], parsers: &[Parser], scope: Scope<'_>) -> Result<Event, Rejected> {
    match detect_known(payload, parsers, scope) {
        Some(event) => event,
        None => direct::parse(payload),
    }
}

fn detect_known(
    payload: &[u8],
    parsers: &[Parser],
    scope: Scope<'_>,
) -> Option<Result<Event, Rejected>> {
    let document = Document::read(payload)?;
    parsers.iter().find_map(|parser| parser(&document, scope))
}

/// What the message at `path` carries. Reasons for skipping and errors are given their path.
fn carried(text: &str, path: &str, scope: Scope<'_>) -> Result<Event, EventError> {
    let inner = scope.deeper(path)?;
    let event = detect(text.as_bytes(), CARRIED, inner).and_then(indivisible);
    let mut event = event.map_err(|rejected| rejected.error.within(path))?;
    for reason in &mut event.skipped {
        *reason = format!("{path}: {reason}");
    }
    Ok(event)
}

/// An event inside another is not answered item by item: it is processed whole, or not at all.
fn indivisible(mut event: Event) -> Result<Event, Rejected> {
    let rejected = event.items.drain(..).find_map(|item| item.rejected);
    for record in &mut event.records {
        record.item = None;
    }
    match rejected {
        Some(error) => Err(Rejected {
            source: event.source,
            error,
        }),
        None => Ok(event),
    }
}
