//! The objects in events: which of them need no run, and which store holds them.

use super::record::{Event, Input, ObjectRef, Record};
use super::scope::Scope;
use super::source::Source;
use super::text::SharedText;
use config::location::{Bucket, Key};
use config::{FunctionConfig, ProviderId, ProviderKind, ProviderSettings};

/// What kind of store an event is from, which decides among the providers that could hold the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Amazon S3.
    S3,
    /// A `MinIO` server.
    Minio,
    /// A space of Onedata.
    Onedata,
}

impl Origin {
    /// The kind of provider that such a store is configured as.
    fn kind(self) -> ProviderKind {
        match self {
            Self::S3 => ProviderKind::S3,
            Self::Minio => ProviderKind::Minio,
            Self::Onedata => ProviderKind::Onedata,
        }
    }
}

/// The provider of an object: the one a surrounding event names, else that of the input rule for the bucket (rules of
/// the event's own kind of store first, of these the longest matching folder). Without any, the function's own role
/// for S3, for `MinIO` the only provider of that kind, and for Onedata the only one of that space.
pub(super) fn provider_of(
    origin: Origin,
    bucket: &Bucket,
    key: &Key,
    scope: Scope<'_>,
) -> Result<ProviderId, String> {
    if let Some(provider) = scope.provider {
        return Ok(provider.clone());
    }
    if let Some(provider) = ruled(origin, bucket, key, scope.config) {
        return Ok(provider.clone());
    }
    match origin {
        Origin::S3 => Ok(ProviderId::own_role()),
        Origin::Minio => only_of(ProviderKind::Minio, scope.config).map_err(|found| {
            format!(
                "a MinIO event of bucket {bucket}, and {found}; add an input with this bucket as its path, \
                 or configure exactly one provider below storage_providers.minio"
            )
        }),
        Origin::Onedata => only_onedata(bucket, scope.config),
    }
}

fn ruled<'c>(
    origin: Origin,
    bucket: &Bucket,
    key: &Key,
    config: &'c FunctionConfig,
) -> Option<&'c ProviderId> {
    let matching = config.input.iter().filter_map(|rule| {
        let kind = rule.storage_provider.kind;
        let own_kind = kind == origin.kind();
        // What S3 announces may be read through any store that speaks its protocol. Other stores' events are never
        // about a bucket of Amazon's, and a directory stands in for all of them.
        let readable = own_kind
            || kind == ProviderKind::Local
            || (origin == Origin::S3 && kind == ProviderKind::Minio);
        let (rule_bucket, folder) = config.place(&rule.storage_provider, &rule.path)?;
        let inside = folder.is_empty() || key.as_str().starts_with(&format!("{folder}/"));
        let closeness = if inside { folder.len() + 1 } else { 0 };
        let found = readable && rule_bucket == *bucket;
        found.then_some(((own_kind, closeness), &rule.storage_provider))
    });
    // The first of equals wins, as rules are read from the top.
    let best = matching.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.map(|(_, provider)| provider)
}

/// The one configured Onedata provider of a space.
fn only_onedata(space: &Bucket, config: &FunctionConfig) -> Result<ProviderId, String> {
    let of_space = |settings: &ProviderSettings| match settings {
        ProviderSettings::Onedata(settings) => settings.space == *space,
        ProviderSettings::S3(_) | ProviderSettings::Webdav(_) => false,
    };
    let mut found = config
        .storage_providers
        .iter()
        .filter(|(_, settings)| of_space(settings))
        .map(|(id, _)| id);
    match (found.next(), found.count()) {
        (Some(only), 0) => Ok(only.clone()),
        (found, others) => Err(format!(
            "an event of the Onedata space {space}, and {} onedata providers have it as their space; configure \
             exactly one below storage_providers.onedata, or add an input that names the one to read from",
            usize::from(found.is_some()) + others
        )),
    }
}

/// The one configured provider of a kind; the error says how many there are.
pub(super) fn only_of(kind: ProviderKind, config: &FunctionConfig) -> Result<ProviderId, String> {
    let mut providers = config.storage_providers.keys().filter(|id| id.kind == kind);
    match (providers.next(), providers.count()) {
        (None, _) => Err(format!("no {kind} provider is configured")),
        (Some(only), 0) => Ok(only.clone()),
        (Some(_), others) => Err(format!("{} {kind} providers are configured", others + 1)),
    }
}

/// One part of an event, parsed.
pub(super) enum Parsed {
    /// It is to be processed.
    Record(Box<Record>),
    /// It is not, and why.
    Skipped(String),
}

/// The record of an object, unless it is one that is skipped. `path` leads to it in the event.
pub(super) fn record(
    object: ObjectRef,
    path: &str,
    event_time: Option<String>,
    raw: SharedText,
) -> Parsed {
    let empty = object.size_hint.unwrap_or(0) == 0;
    if empty && object.key.as_str().ends_with('/') {
        // This is how consoles show a folder: it has no file name, and nothing in it to process.
        return skipped(&object, path, "a folder marker, it has no content");
    }
    Parsed::Record(Box::new(Record {
        input: Input::Object(object),
        event_time,
        raw,
        script: None,
        cmd_args: None,
        parameters: Vec::new(),
        item: None,
    }))
}

/// An event of one part.
pub(super) fn single(source: Source, parsed: Parsed) -> Event {
    let (records, skipped) = match parsed {
        Parsed::Record(record) => (vec![*record], Vec::new()),
        Parsed::Skipped(reason) => (Vec::new(), vec![reason]),
    };
    Event {
        records,
        skipped,
        ..Event::empty(source)
    }
}

/// A part that is not processed.
pub(super) fn skipped(object: &ObjectRef, path: &str, reason: &str) -> Parsed {
    let path = if path.is_empty() {
        String::new()
    } else {
        format!("{path}, ")
    };
    Parsed::Skipped(format!("{path}{}: {reason}", object.url()))
}
