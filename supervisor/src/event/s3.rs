//! Notifications of S3 and `MinIO`: `{"Records":[{"eventSource":"aws:s3", "s3": {"bucket": …, "object": …}}]}` (S3 user
//! guide, "Event message structure"; `MinIO` documentation, "Bucket notifications": the same with `minio:s3`, and
//! `EventName` and `Key` beside `Records`). Everything but source, bucket and key may be missing: hand-written events
//! are short.

use aws_lambda_events::s3::{S3Bucket, S3Object};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::decode::decode_key;
use super::document::{Document, marked, string};
use super::error::{EventError, Rejected, invalid, missing};
use super::object::{Origin, Parsed, provider_of, record, skipped};
use super::record::{Event, ObjectRef, Record};
use super::scope::Scope;
use super::source::Source;
use super::text::SharedText;
use config::location::{Bucket, Key};

/// `eventSource` of S3's records.
const S3_SOURCE: &str = "aws:s3";
/// `eventSource` of `MinIO`'s records.
const MINIO_SOURCE: &str = "minio:s3";

/// Events that say an object is gone: there is nothing to process.
const REMOVALS: &[&str] = &["ObjectRemoved:", "LifecycleExpiration:"];

/// The event, when the document is a notification of a store.
pub(super) fn parse(document: &Document<'_>, scope: Scope<'_>) -> Option<Result<Event, Rejected>> {
    if document.text_of("Event").as_deref() == Some("s3:TestEvent") {
        let bucket = document.text_of("Bucket");
        let bucket = bucket.as_deref().unwrap_or("unknown");
        let skipped = vec![format!("s3:TestEvent of bucket {bucket}")];
        return Some(Ok(event(Vec::new(), skipped)));
    }
    let parsed = match document.list("Records") {
        Some(records) if !records.is_empty() => {
            let source = marked(&records, "eventSource", &[S3_SOURCE, MINIO_SOURCE])?;
            parse_records(document, &records, source, scope)
        }
        _ => parse_minio(document, scope)?,
    };
    Some(parsed.map_err(|error| Rejected {
        source: Source::Storage,
        error,
    }))
}

fn event(records: Vec<Record>, skipped: Vec<String>) -> Event {
    Event {
        records,
        skipped,
        ..Event::empty(Source::Storage)
    }
}

fn collect(
    parts: impl IntoIterator<Item = Result<Parsed, EventError>>,
) -> Result<Event, EventError> {
    let (mut records, mut skipped) = (Vec::new(), Vec::new());
    for part in parts {
        match part? {
            Parsed::Record(record) => records.push(*record),
            Parsed::Skipped(reason) => skipped.push(reason),
        }
    }
    Ok(event(records, skipped))
}

fn parse_records(
    document: &Document<'_>,
    records: &[&RawValue],
    source: &str,
    scope: Scope<'_>,
) -> Result<Event, EventError> {
    let only = records.len() == 1;
    collect(records.iter().enumerate().map(|(index, raw)| {
        let text = if only {
            document.raw()
        } else {
            format!("{{\"Records\":[{}]}}", raw.get()).into()
        };
        parse_record(raw, index, source, text, scope)
    }))
}

/// What `MinIO` puts beside its records, alone: `EventName` and `Key`, the bucket and the key, not encoded.
fn parse_minio(document: &Document<'_>, scope: Scope<'_>) -> Option<Result<Event, EventError>> {
    let name = document.text_of("EventName")?;
    let path = document.text_of("Key")?;
    if !name.starts_with("s3:") {
        return None;
    }
    let wrong = |error: &dyn std::fmt::Display| invalid("Key", error.to_string());
    let object = || {
        let (bucket, key) = path
            .split_once('/')
            .ok_or_else(|| wrong(&"expected bucket/key"))?;
        let bucket = Bucket::new(bucket).map_err(|error| wrong(&error))?;
        let key = Key::new(key).map_err(|error| wrong(&error))?;
        let provider =
            provider_of(Origin::Minio, &bucket, &key, scope).map_err(|error| wrong(&error))?;
        Ok(ObjectRef::named(provider, bucket, key))
    };
    let parsed = object().map(|object| match removal(&name) {
        Some(reason) => skipped(&object, "Key", &reason),
        None => record(object, "Key", None, document.raw()),
    });
    Some(collect([parsed]))
}

fn parse_record(
    raw: &RawValue,
    index: usize,
    expected: &str,
    text: SharedText,
    scope: Scope<'_>,
) -> Result<Parsed, EventError> {
    let path = format!("Records[{index}]");
    let value: Value =
        serde_json::from_str(raw.get()).map_err(|error| invalid(&*path, error.to_string()))?;
    let source =
        string(&value, &path, "eventSource")?.ok_or_else(|| missing(&path, "eventSource"))?;
    if source != expected {
        let reason = format!("found {source:?}, expected {expected:?} like the other records");
        return Err(invalid(format!("{path}.eventSource"), reason));
    }
    let origin = match expected {
        MINIO_SOURCE => Origin::Minio,
        _ => Origin::S3,
    };
    let event_name = string(&value, &path, "eventName")?.unwrap_or_default();
    let object = parse_object(&value, &path, origin, scope)?;
    if let Some(reason) = removal(event_name) {
        return Ok(skipped(&object, &path, &reason));
    }
    let time = string(&value, &path, "eventTime")?.map(str::to_owned);
    Ok(record(object, &path, time, text))
}

/// A removed object cannot be read.
fn removal(event_name: &str) -> Option<String> {
    let name = event_name.strip_prefix("s3:").unwrap_or(event_name);
    REMOVALS
        .iter()
        .any(|removal| name.starts_with(removal))
        .then(|| format!("{name} is about an object that is gone"))
}

fn parse_object(
    value: &Value,
    path: &str,
    origin: Origin,
    scope: Scope<'_>,
) -> Result<ObjectRef, EventError> {
    let (bucket_path, object_path) = (format!("{path}.s3.bucket"), format!("{path}.s3.object"));
    let s3 = value.get("s3").ok_or_else(|| missing(path, "s3"))?;
    let bucket: S3Bucket = part(s3, "bucket", &bucket_path, &["name"])?;
    let object: S3Object = part(s3, "object", &object_path, &["key", "versionId"])?;
    let name = bucket.name.ok_or_else(|| missing(&bucket_path, "name"))?;
    let bucket = Bucket::new(name)
        .map_err(|error| invalid(format!("{bucket_path}.name"), error.to_string()))?;
    let key = object.key.ok_or_else(|| missing(&object_path, "key"))?;
    let key = decode_key(&key).map_err(|reason| invalid(format!("{object_path}.key"), reason))?;
    let provider = provider_of(origin, &bucket, &key, scope)
        .map_err(|reason| invalid(format!("{path}.eventSource"), reason))?;
    Ok(ObjectRef {
        provider,
        bucket,
        key,
        version_id: object.version_id.filter(|version| !version.is_empty()),
        size_hint: object.size.and_then(|size| u64::try_from(size).ok()),
    })
}

/// One part of `s3` as the event library's type; `texts` are the fields that must be text, checked first so that the
/// error can name them.
fn part<T: for<'de> Deserialize<'de>>(
    s3: &Value,
    name: &str,
    path: &str,
    texts: &[&str],
) -> Result<T, EventError> {
    let value = s3.get(name).ok_or_else(|| EventError::Missing {
        field: path.to_owned(),
    })?;
    for field in texts {
        string(value, path, field)?;
    }
    T::deserialize(value).map_err(|error| invalid(path, error.to_string()))
}
