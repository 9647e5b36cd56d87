//! Notifications of S3: `{"Records":[{"eventSource":"aws:s3", "s3": {"bucket": …, "object": …}}]}` (S3 user guide,
//! "Event message structure"). Everything but source, bucket and key may be missing: hand-written events are short.

use std::borrow::Cow;

use aws_lambda_events::s3::{S3Bucket, S3Object};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::decode::form_decode;
use super::{Event, EventError, Input, ObjectRef, Record, Source};
use crate::config::{FunctionConfig, ProviderId, split_path};
use crate::storage::location::{Bucket, Key};

/// `eventSource` of this store's records.
const EVENT_SOURCE: &str = "aws:s3";

/// Events that say an object is gone: there is nothing to process.
const REMOVALS: &[&str] = &["ObjectRemoved:", "LifecycleExpiration:"];

/// The parts of a payload that tell what it is. Each is kept as text, so that nothing in it can fail to parse.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "Records", borrow)]
    records: Option<&'a RawValue>,
    #[serde(rename = "Event", borrow)]
    event: Option<&'a RawValue>,
    #[serde(rename = "Bucket", borrow)]
    bucket: Option<&'a RawValue>,
}

/// The event, when the payload is a notification of this store.
pub(super) fn parse(payload: &[u8], config: &FunctionConfig) -> Result<Option<Event>, EventError> {
    let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(payload) else {
        return Ok(None);
    };
    if envelope.event.and_then(text).as_deref() == Some("s3:TestEvent") {
        let bucket = envelope
            .bucket
            .and_then(text)
            .unwrap_or_else(|| "unknown".to_owned());
        return Ok(Some(storage_event(
            Vec::new(),
            vec![format!("s3:TestEvent of bucket {bucket}")],
        )));
    }
    let records: Option<Vec<&RawValue>> = envelope
        .records
        .and_then(|records| serde_json::from_str(records.get()).ok());
    let Some(records) = records.filter(|records| records.iter().any(|record| is_ours(record)))
    else {
        return Ok(None);
    };
    let whole = std::str::from_utf8(payload)
        .ok()
        .filter(|_| records.len() == 1);
    let mut parsed = Vec::with_capacity(records.len());
    let mut skipped = Vec::new();
    for (index, record) in records.iter().enumerate() {
        match parse_record(record, index, whole, config)? {
            Parsed::Record(record) => parsed.push(*record),
            Parsed::Skipped(reason) => skipped.push(reason),
        }
    }
    Ok(Some(storage_event(parsed, skipped)))
}

fn storage_event(records: Vec<Record>, skipped: Vec<String>) -> Event {
    Event {
        source: Source::Storage,
        records,
        skipped,
    }
}

fn text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

fn is_ours(record: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Marker<'a> {
        #[serde(rename = "eventSource", borrow)]
        source: Cow<'a, str>,
    }
    serde_json::from_str::<Marker<'_>>(record.get())
        .is_ok_and(|marker| marker.source == EVENT_SOURCE)
}

/// What became of one record.
enum Parsed {
    Record(Box<Record>),
    Skipped(String),
}

fn parse_record(
    raw: &RawValue,
    index: usize,
    whole: Option<&str>,
    config: &FunctionConfig,
) -> Result<Parsed, EventError> {
    let path = format!("Records[{index}]");
    let record: Value =
        serde_json::from_str(raw.get()).map_err(|error| invalid(&path, &error.to_string()))?;
    let source =
        string(&record, &path, "eventSource")?.ok_or_else(|| missing(&path, "eventSource"))?;
    if source != EVENT_SOURCE {
        let reason = format!("found {source:?}, expected {EVENT_SOURCE:?} like the other records");
        return Err(invalid(&format!("{path}.eventSource"), &reason));
    }
    let event_name = string(&record, &path, "eventName")?.unwrap_or_default();
    let object = parse_object(&record, &path, config)?;
    if let Some(reason) = why_skipped(event_name, &object) {
        return Ok(Parsed::Skipped(format!(
            "{path}, s3://{}/{}: {reason}",
            object.bucket, object.key
        )));
    }
    Ok(Parsed::Record(Box::new(Record {
        input: Input::Object(object),
        event_time: string(&record, &path, "eventTime")?.map(str::to_owned),
        raw: whole.map_or_else(|| format!("{{\"Records\":[{}]}}", raw.get()), str::to_owned),
        script: None,
        cmd_args: None,
    })))
}

/// A removed object cannot be read. A key that ends in `/` and has no content is how consoles show a folder:
/// it has no file name, and nothing in it to process.
fn why_skipped(event_name: &str, object: &ObjectRef) -> Option<String> {
    let name = event_name.strip_prefix("s3:").unwrap_or(event_name);
    if REMOVALS.iter().any(|removal| name.starts_with(removal)) {
        return Some(format!("{name} is about an object that is gone"));
    }
    let empty = object.size_hint.unwrap_or(0) == 0;
    (empty && object.key.as_str().ends_with('/'))
        .then(|| "a folder marker, it has no content".to_owned())
}

fn parse_object(
    record: &Value,
    path: &str,
    config: &FunctionConfig,
) -> Result<ObjectRef, EventError> {
    let (bucket_path, object_path) = (format!("{path}.s3.bucket"), format!("{path}.s3.object"));
    let s3 = record.get("s3").ok_or_else(|| missing(path, "s3"))?;
    let bucket: S3Bucket = part(s3, "bucket", &bucket_path, &["name"])?;
    let object: S3Object = part(s3, "object", &object_path, &["key", "versionId"])?;
    let name = bucket.name.ok_or_else(|| missing(&bucket_path, "name"))?;
    let bucket = Bucket::new(name)
        .map_err(|error| invalid(&format!("{bucket_path}.name"), &error.to_string()))?;
    let key = object.key.ok_or_else(|| missing(&object_path, "key"))?;
    let key = decode_key(&key).map_err(|reason| invalid(&format!("{object_path}.key"), &reason))?;
    Ok(ObjectRef {
        provider: provider_of(&bucket, &key, config),
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
    T::deserialize(value).map_err(|error| invalid(path, &error.to_string()))
}

fn decode_key(encoded: &str) -> Result<Key, String> {
    let decoded = String::from_utf8(form_decode(encoded))
        .map_err(|_| format!("{encoded:?} is not UTF-8 after form decoding"))?;
    Key::new(decoded).map_err(|error| error.to_string())
}

/// The provider of the input rule that names the bucket, the one with the longest matching folder first; without any,
/// the function's own role.
fn provider_of(bucket: &Bucket, key: &Key, config: &FunctionConfig) -> ProviderId {
    let matching = config.input.iter().filter_map(|rule| {
        let (rule_bucket, folder) = split_path(&rule.path)?;
        let inside = folder.is_empty() || key.as_str().starts_with(&format!("{folder}/"));
        let closeness = if inside { folder.len() + 1 } else { 0 };
        (rule_bucket == *bucket).then_some((closeness, rule))
    });
    // The first of equals wins, as rules are read from the top.
    let best = matching.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.map_or_else(ProviderId::own_role, |(_, rule)| {
        rule.storage_provider.clone()
    })
}

/// A field that is text if it is there.
fn string<'v>(value: &'v Value, path: &str, field: &str) -> Result<Option<&'v str>, EventError> {
    match value.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.contains('\0') => {
            Err(invalid(&format!("{path}.{field}"), "holds a NUL"))
        }
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(invalid(&format!("{path}.{field}"), "expected text")),
    }
}

fn missing(path: &str, field: &str) -> EventError {
    EventError::Missing {
        field: format!("{path}.{field}"),
    }
}

fn invalid(field: &str, reason: &str) -> EventError {
    EventError::Invalid {
        field: field.to_owned(),
        reason: reason.to_owned(),
    }
}
