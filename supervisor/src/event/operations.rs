//! Tasks of S3 Batch Operations: `{"invocationSchemaVersion": …, "invocationId": …, "tasks": [{"taskId", "s3Key", …}]}` (S3 user
//! guide, "Invoke AWS Lambda function"). Version 1.0 names the bucket by its ARN (`s3BucketArn`), version 2.0 by its
//! name (`s3Bucket`); keys are form-encoded. Each task is answered for on its own.

use serde_json::value::RawValue;

use super::decode::decode_key;
use super::document::Document;
use super::error::{EventError, Rejected, invalid, missing};
use super::object::{Origin, Parsed, provider_of, record};
use super::record::{Event, Item, ObjectRef};
use super::scope::Scope;
use super::source::{Operation, Source};
use super::text::SharedText;
use config::location::Bucket;

const VERSION: &str = "invocationSchemaVersion";

/// The event, when the document is one of a batch operation.
pub(super) fn parse(document: &Document<'_>, scope: Scope<'_>) -> Option<Result<Event, Rejected>> {
    document.get(VERSION)?;
    document.get("tasks")?;
    // An event whose version or id is malformed is answered with an error anyway, which needs neither.
    let operation = Operation {
        schema_version: document.text_of(VERSION).unwrap_or_default(),
        invocation_id: document.text_of("invocationId").unwrap_or_default(),
    };
    let source = Source::Operations(operation);
    let event = event(document, source.clone(), scope);
    Some(event.map_err(|error| Rejected { source, error }))
}

fn event(document: &Document<'_>, source: Source, scope: Scope<'_>) -> Result<Event, EventError> {
    let version = document.required_text("", VERSION)?;
    if !matches!(version.as_str(), "1.0" | "2.0") {
        let reason = format!("found {version:?}, expected \"1.0\" or \"2.0\"");
        return Err(invalid(VERSION, reason));
    }
    document.required_text("", "invocationId")?;
    let tasks = document
        .list("tasks")
        .ok_or_else(|| invalid("tasks", "expected a list"))?;
    let mut event = Event::empty(source);
    for (index, raw) in tasks.iter().enumerate() {
        let path = format!("tasks[{index}]");
        let task = document
            .inner(raw)
            .ok_or_else(|| missing(&path, "taskId"))?;
        let id = task.required_text(&path, "taskId")?;
        let text = match tasks.len() {
            1 => document.raw(),
            _ => alone(document, raw),
        };
        let parsed = object(&task, &path, scope).map(|object| record(object, &path, None, text));
        let mut rejected = None;
        match parsed {
            Ok(Parsed::Record(mut record)) => {
                record.item = Some(event.items.len());
                event.records.push(*record);
            }
            Ok(Parsed::Skipped(reason)) => event.skipped.push(reason),
            Err(error) => rejected = Some(error),
        }
        event.items.push(Item { id, rejected });
    }
    Ok(event)
}

/// The event as if it had this task only.
fn alone(document: &Document<'_>, task: &RawValue) -> SharedText {
    document.with("tasks", &format!("[{}]", task.get())).into()
}

fn object(task: &Document<'_>, path: &str, scope: Scope<'_>) -> Result<ObjectRef, EventError> {
    let (field, name) = bucket(task, path)?;
    let bucket_field = format!("{path}.{field}");
    let bucket = Bucket::new(name).map_err(|error| invalid(&*bucket_field, error.to_string()))?;
    let key = task.required_text(path, "s3Key")?;
    let key = decode_key(&key).map_err(|reason| invalid(format!("{path}.s3Key"), reason))?;
    let version = task.checked_text(path, "s3VersionId")?;
    let provider = provider_of(Origin::S3, &bucket, &key, scope)
        .map_err(|reason| invalid(bucket_field, reason))?;
    Ok(ObjectRef {
        provider,
        bucket,
        key,
        version_id: version.filter(|id| !id.is_empty() && !id.contains('\0')),
        size_hint: None,
    })
}

/// The bucket's name, and the field it was in.
fn bucket(task: &Document<'_>, path: &str) -> Result<(&'static str, String), EventError> {
    const ARN: &str = "s3BucketArn";
    if let Some(name) = task.checked_text(path, "s3Bucket")? {
        return Ok(("s3Bucket", name));
    }
    let arn = task.required_text(path, ARN)?;
    // arn:partition:s3:region:account:bucket (IAM user guide, "Amazon Resource Names").
    let name = arn
        .strip_prefix("arn:")
        .and_then(|arn| arn.splitn(5, ':').nth(4));
    let name = name.ok_or_else(|| {
        let reason = format!("found {arn:?}, expected arn:aws:s3:::bucket");
        invalid(format!("{path}.{ARN}"), reason)
    })?;
    Ok((ARN, name.to_owned()))
}
