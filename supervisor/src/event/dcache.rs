//! Events of dCache: `{"event": {"name": "file", "mask": ["IN_CREATE"]}, "subscription": "https://…"}`, or the inner object
//! alone (dCache user guide, "Storage Events": the events of Linux's inotify, over SSE). An event says the file's name
//! only: the folder and the provider are those of the `input` that has a `WebDAV` provider.

use super::document::Document;
use super::error::{EventError, Rejected, invalid, join};
use super::object::{Parsed, record, single};
use super::record::{Event, ObjectRef};
use super::scope::Scope;
use super::source::Source;
use config::location::{Bucket, Key};
use config::{InputRule, ProviderId, ProviderKind};

/// What every flag of a mask begins with (inotify(7)).
const FLAG: &str = "IN_";
/// Flags of events after which there is a file with new content.
const ARRIVALS: &[&str] = &["IN_CREATE", "IN_CLOSE_WRITE", "IN_MODIFY", "IN_MOVED_TO"];
/// The flag of events about directories.
const DIRECTORY: &str = "IN_ISDIR";

/// The event, when the document is one of dCache.
pub(super) fn parse(document: &Document<'_>, scope: Scope<'_>) -> Option<Result<Event, Rejected>> {
    let wrapped = document
        .text_of("subscription")
        .and_then(|_| document.object("event"));
    let (inner, path) = match &wrapped {
        Some(inner) => (inner, "event"),
        None => (document, ""),
    };
    let mask = mask(inner)?;
    let parsed = match unwanted(&mask) {
        Some(reason) => Ok(Parsed::Skipped(describe(inner, &reason))),
        None => object(inner, path, scope).map(|object| {
            let path = join(path, "name");
            record(object, &path, None, document.raw())
        }),
    };
    let event = parsed.map(|parsed| single(Source::Storage, parsed));
    Some(event.map_err(|error| Rejected {
        source: Source::Storage,
        error,
    }))
}

/// The flags of an event; `None` when there are none, or when anything else is among them.
fn mask(inner: &Document<'_>) -> Option<Vec<String>> {
    let mask: Vec<String> = serde_json::from_str(inner.get("mask")?.get()).ok()?;
    let all = !mask.is_empty() && mask.iter().all(|flag| flag.starts_with(FLAG));
    all.then_some(mask)
}

/// Why an event with these flags has nothing to process.
fn unwanted(mask: &[String]) -> Option<String> {
    let flags = || mask.join(", ");
    if mask.iter().any(|flag| flag == DIRECTORY) {
        return Some(format!("{}: it is about a directory", flags()));
    }
    let arrived = mask.iter().any(|flag| ARRIVALS.contains(&&**flag));
    (!arrived).then(|| format!("{}: no file has arrived", flags()))
}

fn describe(inner: &Document<'_>, reason: &str) -> String {
    match inner.text_of("name") {
        Some(name) => format!("{name:?} in dCache, {reason}"),
        None => format!("dCache, {reason}"),
    }
}

fn object(inner: &Document<'_>, path: &str, scope: Scope<'_>) -> Result<ObjectRef, EventError> {
    let name = inner.required_text(path, "name")?;
    let field = || join(path, "name");
    if name.contains('/') || matches!(name.as_str(), "" | "." | "..") {
        let reason = format!("found {name:?}, expected the name of a file");
        return Err(invalid(field(), reason));
    }
    let (provider, bucket, folder) = folder(scope).map_err(|reason| invalid(field(), reason))?;
    let key = match folder.as_str() {
        "" => name,
        folder => format!("{folder}/{name}"),
    };
    let key = Key::new(key).map_err(|error| invalid(field(), error.to_string()))?;
    Ok(ObjectRef::named(provider, bucket, key))
}

/// The folder that events are about: that of the only `input` with a `WebDAV` provider, or with the very provider that
/// a surrounding event names.
fn folder(scope: Scope<'_>) -> Result<(ProviderId, Bucket, String), String> {
    let wanted = |rule: &&InputRule| match scope.provider {
        Some(named) => rule.storage_provider == *named,
        None => rule.storage_provider.kind == ProviderKind::Webdav,
    };
    let rules: Vec<_> = scope.config.input.iter().filter(wanted).collect();
    let whose = scope.provider.map_or_else(
        || format!("a {} provider", ProviderKind::Webdav),
        ToString::to_string,
    );
    let [rule] = rules.as_slice() else {
        let found = rules.len();
        return Err(format!(
            "a dCache event does not say which folder the file is in, and {found} inputs have {whose} as their \
             storage_provider; configure exactly one, with the folder as its path{}",
            if found > 1 {
                ", or pass the event on with the storage_provider that it is from"
            } else {
                ""
            }
        ));
    };
    let (bucket, folder) = scope
        .config
        .place(&rule.storage_provider, &rule.path)
        .ok_or_else(|| format!("the input's path {:?} names no folder", rule.path))?;
    Ok((rule.storage_provider.clone(), bucket, folder))
}
