//! The inputs and outputs, which name storage providers.

use super::error::ConfigError;
use super::provider::{EXPECTED_PROVIDER, ProviderId};
use super::providers::Providers;
use super::reader::Node;
use super::{InputRule, OutputRule};
use crate::location::Bucket;

const EXPECTED_PATH: &str = "bucket or bucket/folder";

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
