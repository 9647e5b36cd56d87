//! Events of S3 that come over `EventBridge`: `{"source": "aws.s3", "detail-type": "Object Created", "detail": …}` (S3 user
//! guide, "`EventBridge` event message structure"). Keys are not encoded here.

use serde_json::Value;

use super::document::{Document, string};
use super::error::{EventError, Rejected, invalid, missing};
use super::object::{Origin, Parsed, provider_of, record, single};
use super::record::{Event, ObjectRef};
use super::scope::Scope;
use super::source::Source;
use config::location::{Bucket, Key};

/// The type of the events that have an object to process.
const CREATED: &str = "Object Created";

/// The event, when the document is one of S3's on the bus. Events of other sources count as direct payloads.
pub(super) fn parse(document: &Document<'_>, scope: Scope<'_>) -> Option<Result<Event, Rejected>> {
    if document.text_of("source").as_deref() != Some("aws.s3") {
        return None;
    }
    let kind = document.text_of("detail-type")?;
    let parsed = if kind == CREATED {
        created(document, scope)
    } else {
        let reason = format!("{kind:?} of S3: only {CREATED:?} has an object to process");
        Ok(Parsed::Skipped(reason))
    };
    let event = parsed.map(|parsed| single(Source::Notification, parsed));
    Some(event.map_err(|error| Rejected {
        source: Source::Notification,
        error,
    }))
}

fn created(document: &Document<'_>, scope: Scope<'_>) -> Result<Parsed, EventError> {
    let detail = document
        .get("detail")
        .ok_or_else(|| missing("", "detail"))?;
    let detail: Value =
        serde_json::from_str(detail.get()).map_err(|error| invalid("detail", error.to_string()))?;
    let (bucket_path, object_path) = ("detail.bucket", "detail.object");
    let part = |name: &str| detail.get(name).unwrap_or(&Value::Null);
    let (bucket, object) = (part("bucket"), part("object"));
    let name = string(bucket, bucket_path, "name")?.ok_or_else(|| missing(bucket_path, "name"))?;
    let key = string(object, object_path, "key")?.ok_or_else(|| missing(object_path, "key"))?;
    let bucket = Bucket::new(name)
        .map_err(|error| invalid(format!("{bucket_path}.name"), error.to_string()))?;
    let key =
        Key::new(key).map_err(|error| invalid(format!("{object_path}.key"), error.to_string()))?;
    let version = string(object, object_path, "version-id")?;
    let provider = provider_of(Origin::S3, &bucket, &key, scope)
        .map_err(|reason| invalid("detail.bucket.name", reason))?;
    let object = ObjectRef {
        provider,
        bucket,
        key,
        version_id: version.filter(|id| !id.is_empty()).map(str::to_owned),
        size_hint: object.get("size").and_then(Value::as_u64),
    };
    let time = document.checked_text("", "time")?;
    Ok(record(object, "", time, document.raw()))
}
