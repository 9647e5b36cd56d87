//! Objects that events speak of: which of them need no run, and which store holds them.

use super::{EventError, Input, ObjectRef, Record, invalid};
use crate::config::{FunctionConfig, InputRule, ProviderId, ProviderKind, split_path};
use crate::storage::location::{Bucket, Key};

/// How often an event may be inside another: a topic's envelope in a queue's message in a delegated event is three.
const MAX_DEPTH: usize = 5;

/// What surrounds the text being read.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    /// The function's configuration.
    pub(super) config: &'a FunctionConfig,
    /// The provider that a surrounding event names.
    provider: Option<&'a ProviderId>,
    depth: usize,
}

impl<'a> Scope<'a> {
    /// Nothing surrounds it.
    pub(super) fn new(config: &'a FunctionConfig) -> Self {
        Self {
            config,
            provider: None,
            depth: 0,
        }
    }

    /// One event further inside, at `path`.
    pub(super) fn deeper(self, path: &str) -> Result<Self, EventError> {
        if self.depth >= MAX_DEPTH {
            let reason = format!("events are nested more than {MAX_DEPTH} deep");
            return Err(invalid(path, reason));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }

    /// Inside an event that names the provider.
    pub(super) fn of_provider(self, provider: &'a ProviderId) -> Self {
        Self {
            provider: Some(provider),
            ..self
        }
    }
}

/// What kind of store an event is from, which decides among the providers that could hold the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Amazon S3.
    S3,
    /// A `MinIO` server.
    Minio,
}

/// The provider of an object: the one a surrounding event names, else that of the input rule for the bucket (rules of
/// the event's own kind of store first, of these the longest matching folder). Without any, the function's own role
/// for S3, and for `MinIO` the only provider of that kind.
pub(super) fn provider_of(
    origin: Origin,
    bucket: &Bucket,
    key: &Key,
    scope: Scope<'_>,
) -> Result<ProviderId, String> {
    if let Some(provider) = scope.provider {
        return Ok(provider.clone());
    }
    if let Some(rule) = rule_of(origin, bucket, key, &scope.config.input) {
        return Ok(rule.storage_provider.clone());
    }
    match origin {
        Origin::S3 => Ok(ProviderId::own_role()),
        Origin::Minio => only_minio(scope.config).map_err(|found| {
            format!(
                "a MinIO event of bucket {bucket}, and {found}; add an input with this bucket as its path, \
                 or configure exactly one provider below storage_providers.minio"
            )
        }),
    }
}

fn rule_of<'c>(
    origin: Origin,
    bucket: &Bucket,
    key: &Key,
    rules: &'c [InputRule],
) -> Option<&'c InputRule> {
    let matching = rules.iter().filter_map(|rule| {
        let own_kind = match (origin, rule.storage_provider.kind) {
            (Origin::S3, ProviderKind::S3) | (Origin::Minio, ProviderKind::Minio) => true,
            // A MinIO server's event is never about a bucket of Amazon's.
            (Origin::Minio, ProviderKind::S3) => return None,
            (_, ProviderKind::Local) | (Origin::S3, ProviderKind::Minio) => false,
        };
        let (rule_bucket, folder) = split_path(&rule.path)?;
        let inside = folder.is_empty() || key.as_str().starts_with(&format!("{folder}/"));
        let closeness = if inside { folder.len() + 1 } else { 0 };
        (rule_bucket == *bucket).then_some(((own_kind, closeness), rule))
    });
    // The first of equals wins, as rules are read from the top.
    let best = matching.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.map(|(_, rule)| rule)
}

/// The one configured `MinIO` provider; the error says how many there are.
pub(super) fn only_minio(config: &FunctionConfig) -> Result<ProviderId, String> {
    let mut minios = config
        .storage_providers
        .keys()
        .filter(|id| id.kind == ProviderKind::Minio);
    match (minios.next(), minios.count()) {
        (None, _) => Err("no minio provider is configured".to_owned()),
        (Some(only), 0) => Ok(only.clone()),
        (Some(_), others) => Err(format!("{} minio providers are configured", others + 1)),
    }
}

/// What became of one part of an event.
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
    raw: String,
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

/// A part that is not processed.
pub(super) fn skipped(object: &ObjectRef, path: &str, reason: &str) -> Parsed {
    let ObjectRef { bucket, key, .. } = object;
    let path = if path.is_empty() {
        String::new()
    } else {
        format!("{path}, ")
    };
    Parsed::Skipped(format!("{path}s3://{bucket}/{key}: {reason}"))
}
