//! The sections about storage: the providers, and the inputs and outputs that name them.

use std::collections::BTreeMap;

use super::choices::TlsVerify;
use super::error::ConfigError;
use super::provider::{EXPECTED_PROVIDER, ProviderId, ProviderKind, S3Provider, Secret};
use super::reader::Node;
use super::{InputRule, OutputRule};
use crate::storage::location::Bucket;

type Providers = BTreeMap<ProviderId, S3Provider>;

const EXPECTED_PATH: &str = "bucket or bucket/folder";

/// Reads `storage_providers` of every place that may have it; a later place wins over an earlier one.
pub(super) fn providers(places: &[&Node<'_>]) -> Result<Providers, ConfigError> {
    let mut providers = Providers::new();
    for place in places {
        let Some(section) = place.get("storage_providers")? else {
            continue;
        };
        section.note_unknown(&["s3", "minio"]);
        for kind in [ProviderKind::S3, ProviderKind::Minio] {
            let Some(kind_section) = section.get(&kind.to_string())? else {
                continue;
            };
            for (id, node) in kind_section.hidden().entries()? {
                providers.insert(ProviderId::new(kind, id), provider(kind, &node)?);
            }
        }
    }
    Ok(providers)
}

fn provider(kind: ProviderKind, node: &Node<'_>) -> Result<S3Provider, ConfigError> {
    node.note_unknown(&[
        "access_key",
        "secret_key",
        "session_token",
        "region",
        "endpoint",
        "verify",
    ]);
    let secret = |key| -> Result<Option<Secret>, ConfigError> {
        Ok(node.optional_text(key)?.map(Secret::new))
    };
    let provider = S3Provider {
        access_key: secret("access_key")?,
        secret_key: secret("secret_key")?,
        session_token: secret("session_token")?,
        region: node.optional_text("region")?,
        endpoint: endpoint(node)?,
        tls: match node
            .get("verify")?
            .map(|node| node.shown_again().boolean())
            .transpose()?
        {
            None | Some(true) => TlsVerify::Verify,
            Some(false) => TlsVerify::Skip,
        },
    };
    let missing = |key: &str, expected: &str| ConfigError::Missing {
        key: node.path_of(key),
        expected: expected.to_owned(),
    };
    match (&provider.access_key, &provider.secret_key) {
        (Some(_), None) => {
            return Err(missing(
                "secret_key",
                "the secret that belongs to access_key",
            ));
        }
        (None, Some(_)) => {
            return Err(missing(
                "access_key",
                "the key id that belongs to secret_key",
            ));
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
    if kind == ProviderKind::Minio && provider.endpoint.is_none() {
        return Err(missing("endpoint", EXPECTED_ENDPOINT));
    }
    Ok(provider)
}

const EXPECTED_ENDPOINT: &str = "a URL that begins with http:// or https://";

fn endpoint(provider: &Node<'_>) -> Result<Option<String>, ConfigError> {
    let Some(url) = provider.optional_text("endpoint")? else {
        return Ok(None);
    };
    let host = ["https://", "http://"]
        .iter()
        .find_map(|scheme| url.strip_prefix(scheme));
    match host {
        Some(host) if !host.is_empty() && !host.starts_with('/') => Ok(Some(url)),
        _ => {
            let node = provider.require("endpoint", EXPECTED_ENDPOINT)?;
            // A URL may carry a password before its `@`.
            let node = if url.contains('@') {
                node
            } else {
                node.shown_again()
            };
            Err(node.invalid(EXPECTED_ENDPOINT))
        }
    }
}

/// Reads `input`.
pub(super) fn inputs(
    function: &Node<'_>,
    providers: &Providers,
) -> Result<Vec<InputRule>, ConfigError> {
    let Some(list) = function.get("input")? else {
        return Ok(Vec::new());
    };
    let rule = |node: &Node<'_>| -> Result<InputRule, ConfigError> {
        node.note_unknown(&["storage_provider", "path"]);
        Ok(InputRule {
            storage_provider: provider_id(node, providers)?,
            path: path(node)?,
        })
    };
    list.items()?.iter().map(rule).collect()
}

/// Reads `output`.
pub(super) fn outputs(
    function: &Node<'_>,
    providers: &Providers,
) -> Result<Vec<OutputRule>, ConfigError> {
    let Some(list) = function.get("output")? else {
        return Ok(Vec::new());
    };
    let rule = |node: &Node<'_>| -> Result<OutputRule, ConfigError> {
        node.note_unknown(&["storage_provider", "path", "prefix", "suffix"]);
        Ok(OutputRule {
            storage_provider: provider_id(node, providers)?,
            path: path(node)?,
            prefix: texts(node, "prefix")?,
            suffix: texts(node, "suffix")?,
        })
    };
    list.items()?.iter().map(rule).collect()
}

fn provider_id(rule: &Node<'_>, providers: &Providers) -> Result<ProviderId, ConfigError> {
    let node = rule.require("storage_provider", EXPECTED_PROVIDER)?;
    let id: ProviderId = node
        .text()?
        .parse()
        .map_err(|_| node.invalid(EXPECTED_PROVIDER))?;
    if id.needs_no_configuration() || providers.contains_key(&id) {
        return Ok(id);
    }
    let own_role = ProviderId::own_role();
    let mut configured: Vec<_> = providers
        .keys()
        .chain(Some(&own_role))
        .map(ToString::to_string)
        .collect();
    configured.sort_unstable();
    configured.dedup();
    Err(ConfigError::UnknownProvider {
        key: node.path().to_owned(),
        id: id.to_string(),
        configured: configured.join(", "),
    })
}

fn path(rule: &Node<'_>) -> Result<String, ConfigError> {
    checked_path(&rule.require("path", EXPECTED_PATH)?)
}

/// A text that is `bucket` or `bucket/folder`.
pub(super) fn checked_path(node: &Node<'_>) -> Result<String, ConfigError> {
    let text = node.text()?;
    split_path(text)
        .map(|_| text.to_owned())
        .ok_or_else(|| node.invalid(EXPECTED_PATH))
}

fn texts(rule: &Node<'_>, key: &str) -> Result<Vec<String>, ConfigError> {
    let Some(list) = rule.get(key)? else {
        return Ok(Vec::new());
    };
    list.items()?
        .iter()
        .map(|item| Ok(item.text()?.to_owned()))
        .collect()
}

/// Splits `bucket/folder/…` into the bucket and the folder without leading, trailing or doubled slashes. `None` when
/// there is no bucket, or when a part is `.` or `..` (no two stores agree on what that would mean).
pub fn split_path(path: &str) -> Option<(Bucket, String)> {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let bucket = Bucket::new(parts.next()?).ok()?;
    let folder: Vec<_> = parts.collect();
    let valid = !folder.iter().any(|part| matches!(*part, "." | ".."));
    valid.then(|| (bucket, folder.join("/")))
}
