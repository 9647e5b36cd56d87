//! The supervisor's layer: looks up its versions, publishes one, and removes those that no function uses.

use std::collections::BTreeSet;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    Architecture, LayerVersionContentInput, LayerVersionsListItem, Runtime,
};

use super::Services;
use super::error::{AwsError, AwsErrorKind, Context};
use crate::deploy::layer_file::LayerFile;
use crate::deploy::settings::Supervisor;
use crate::layer::arch::Arch;

/// Start of the description of every version that this command publishes. Version and content hash follow.
pub const MARK: &str = "faas-supervisor ";

/// A published version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its number.
    pub number: i64,
    /// Its ARN.
    pub arn: String,
    /// Its description.
    pub description: String,
    /// Processors it is for.
    pub architectures: Vec<String>,
}

impl Version {
    fn new(item: &LayerVersionsListItem) -> Self {
        Self {
            number: item.version(),
            arn: item.layer_version_arn().unwrap_or_default().to_owned(),
            description: item.description().unwrap_or_default().to_owned(),
            architectures: item
                .compatible_architectures()
                .iter()
                .map(|arch| arch.as_str().to_owned())
                .collect(),
        }
    }
}

/// All versions of a layer, newest first.
///
/// # Errors
/// [`AwsError`].
pub async fn list(services: &Services, layer: &str) -> Result<Vec<Version>, AwsError> {
    let mut pages = services
        .lambda
        .list_layer_versions()
        .layer_name(layer)
        .into_paginator()
        .items()
        .send();
    let mut found = Vec::new();
    while let Some(item) = pages.next().await {
        match item.context(format!("list versions of layer {layer}")) {
            Ok(item) => found.push(Version::new(&item)),
            Err(error) if error.kind == AwsErrorKind::Absent => break,
            Err(error) => return Err(error),
        }
    }
    found.sort_by_key(|version| -version.number);
    Ok(found)
}

/// The wanted version among those that exist; `local` is the assembled layer. Pure.
pub fn choose<'v>(
    versions: &'v [Version],
    wanted: &Supervisor,
    arch: Arch,
    local: Option<&LayerFile>,
) -> Option<&'v Version> {
    let fits = |version: &&Version| {
        version.architectures.is_empty()
            || version.architectures.iter().any(|name| name == arch.name())
    };
    let of_version = |text: &str| {
        let mark = format!("{MARK}{text} ");
        versions
            .iter()
            .filter(fits)
            .find(|version| version.description.starts_with(&mark))
    };
    let pinned = wanted.version != "latest"
        && local.is_none_or(|layer| layer.description.version != wanted.version);
    if let Some(version) = of_version(&wanted.version).filter(|_| pinned) {
        return Some(version);
    }
    match local {
        Some(layer) => versions
            .iter()
            .find(|version| version.description == layer.description.version_text()),
        None => versions
            .iter()
            .filter(fits)
            .find(|version| version.description.starts_with(MARK)),
    }
}

/// The remark that the user's version does not exist and which one is used in its place. Pure.
pub fn unmet(
    wanted: &Supervisor,
    chosen: Option<&Version>,
    local: Option<&LayerFile>,
) -> Option<String> {
    let text = match (chosen, local) {
        (Some(version), _) => version.description.strip_prefix(MARK)?.to_owned(),
        (None, Some(layer)) => layer.description.version.clone(),
        (None, None) => return None,
    };
    let used = text.split(' ').next()?;
    (wanted.version != "latest" && wanted.version != used).then(|| {
        format!(
            "lambda.supervisor.version: {} is no published version of layer {}; {used} is used in its place",
            wanted.version, wanted.layer_name
        )
    })
}

/// Publishes the local layer, and returns the ARN of its version.
///
/// # Errors
/// [`AwsError`].
pub async fn publish(
    services: &Services,
    wanted: &Supervisor,
    layer: &LayerFile,
) -> Result<String, AwsError> {
    let what = format!(
        "publish {} as layer {}",
        layer.zip.display(),
        wanted.layer_name
    );
    let content =
        std::fs::read(&layer.zip).map_err(|error| AwsError::new(&what, error.to_string()))?;
    let runtimes = layer
        .description
        .compatible_runtimes
        .iter()
        .map(|name| Runtime::from(name.as_str()));
    let answer = services
        .lambda
        .publish_layer_version()
        .layer_name(&wanted.layer_name)
        .description(layer.description.version_text())
        .license_info(&wanted.license_info)
        .content(
            LayerVersionContentInput::builder()
                .zip_file(Blob::new(content))
                .build(),
        )
        .set_compatible_runtimes(Some(runtimes.collect()))
        .compatible_architectures(Architecture::from(layer.description.arch.name()))
        .send()
        .await
        .context(&what)?;
    answer
        .layer_version_arn
        .ok_or_else(|| AwsError::new(what, "the answer has no ARN"))
}

/// Versions to remove: published by this command, used by no function, and not the newest for their processor. Pure.
pub fn unused<'v>(versions: &'v [Version], used: &BTreeSet<String>) -> Vec<&'v Version> {
    let mut newest = BTreeSet::new();
    let ours = versions
        .iter()
        .filter(|version| version.description.starts_with(MARK));
    ours.filter(|version| {
        !newest.insert(version.architectures.clone()) && !used.contains(&version.arn)
    })
    .collect()
}

/// Removes a version.
///
/// # Errors
/// [`AwsError`].
pub async fn remove(services: &Services, layer: &str, number: i64) -> Result<(), AwsError> {
    let request = services
        .lambda
        .delete_layer_version()
        .layer_name(layer)
        .version_number(number);
    request
        .send()
        .await
        .context(format!("remove version {number} of layer {layer}"))
        .map(drop)
}
