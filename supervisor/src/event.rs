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
//! A further source is a row here, a variant of [`Source`], a module beside `s3` and a line in `PARSERS`; the compiler
//! then asks for its column in the response table.

mod bridge;
mod dcache;
mod decode;
mod delegated;
mod detect;
mod direct;
mod document;
mod error;
mod http;
mod object;
mod onedata;
mod operations;
mod queue;
mod record;
mod s3;
mod scope;
mod source;
mod text;
mod topic;

use bytes::Bytes;

use config::FunctionConfig;
use detect::detect;
use scope::{Parsers, Scope};

pub use self::{
    decode::form_decode,
    error::{EventError, Rejected},
    record::{Event, Input, Item, ObjectRef, PAYLOAD_FILE_NAME, Record},
    source::{HeaderForm, HttpApi, Operation, Source},
    text::SharedText,
};

/// The tables above, but for their last rows: what matches none of these is a direct payload.
const PARSERS: Parsers = Parsers {
    sources: &[
        delegated::parse,
        s3::parse,
        onedata::parse,
        dcache::parse,
        queue::parse,
        topic::parse,
        bridge::parse,
        operations::parse,
        http::parse,
    ],
    carried: &[
        delegated::parse,
        s3::parse,
        onedata::parse,
        dcache::parse,
        bridge::parse,
        topic::parse_envelope,
    ],
    http_bodies: &[
        delegated::parse,
        s3::parse,
        onedata::parse,
        dcache::parse,
        bridge::parse,
    ],
};

/// Finds out what kind of event the payload is and takes it apart. What the event keeps of the payload shares its bytes.
///
/// # Errors
/// [`Rejected`] when the payload is of a known kind and a field of it cannot be used. Bytes of no known kind are
/// a direct invocation, never an error.
pub fn parse(payload: &Bytes, config: &FunctionConfig) -> Result<Event, Rejected> {
    detect(payload, PARSERS.sources, Scope::new(config, PARSERS))
}
