//! Events of Onedata's `OneTrigger`: `{"Key": "/space/dir/file", "Records": [{"eventSource": "OneTrigger", "objectKey": "file",
//! "objectId": …, "eventTime": …}]}` (as `OneTrigger` posts them and the faas-supervisor of `GRyCAP` reads them). `Key` is the
//! path of the one file, space first, and not encoded.

use super::document::{Document, marked};
use super::error::{EventError, Rejected, invalid, missing};
use super::object::{Origin, provider_of, record, single};
use super::record::{Event, ObjectRef};
use super::scope::Scope;
use super::source::Source;
use config::ProviderSettings;
use config::location::{Bucket, Key};

const EVENT_SOURCE: &str = "OneTrigger";

/// The event, when the document is one of `OneTrigger`.
pub(super) fn parse(document: &Document<'_>, scope: Scope<'_>) -> Option<Result<Event, Rejected>> {
    let records = document.list("Records")?;
    marked(&records, "eventSource", &[EVENT_SOURCE])?;
    let time = match records.as_slice() {
        [only] => document
            .inner(only)
            .ok_or_else(|| missing("Records[0]", "eventSource"))
            .and_then(|only| only.plain_text("Records[0]", "eventTime")),
        _ => Err(invalid(
            "Records",
            "expected one record: Key is the path of one file",
        )),
    };
    let parsed = time.and_then(|time| {
        let object = object(document, scope)?;
        Ok(record(object, "Key", time, document.raw()))
    });
    let event = parsed.map(|parsed| single(Source::Storage, parsed));
    Some(event.map_err(|error| Rejected {
        source: Source::Storage,
        error,
    }))
}

fn object(document: &Document<'_>, scope: Scope<'_>) -> Result<ObjectRef, EventError> {
    let path = document.required_text("", "Key")?;
    let wrong = |reason: &dyn std::fmt::Display| invalid("Key", reason.to_string());
    let (space, key) = path
        .strip_prefix('/')
        .unwrap_or(&path)
        .split_once('/')
        .ok_or_else(|| wrong(&format!("found {path:?}, expected /space/path")))?;
    let bucket = Bucket::new(space).map_err(|error| wrong(&error))?;
    let key = Key::new(key).map_err(|error| wrong(&error))?;
    let provider =
        provider_of(Origin::Onedata, &bucket, &key, scope).map_err(|reason| wrong(&reason))?;
    match scope.config.storage_providers.get(&provider) {
        Some(ProviderSettings::Onedata(settings)) if settings.space != bucket => {
            let reason = format!(
                "found {path:?}, but {provider} is the space {}; name the provider of the space {bucket}",
                settings.space
            );
            return Err(wrong(&reason));
        }
        _ => {}
    }
    Ok(ObjectRef::named(provider, bucket, key))
}
