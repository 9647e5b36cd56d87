//! `layer publish`, `layer ls` and `layer prune`.

use std::collections::BTreeSet;

use aws_sdk_lambda::types::FunctionConfiguration;
use clap::ValueEnum as _;
use serde_json::{Value, json};

use crate::deploy::aws::{lambda, layers};
use crate::deploy::cli::LayerVerb;
use crate::deploy::error::DeployError;
use crate::deploy::session::Session;
use crate::layer::arch::Arch;

/// Carries out one of them.
///
/// # Errors
/// [`DeployError`].
pub async fn layer(session: &Session, verb: &LayerVerb) -> Result<(), DeployError> {
    match verb {
        LayerVerb::Publish { arch } => publish(session, arch).await,
        LayerVerb::Ls => ls(session).await,
        LayerVerb::Prune => prune(session).await,
    }
}

async fn publish(session: &Session, arch: &str) -> Result<(), DeployError> {
    let arch = Arch::from_str(arch, true)
        .map_err(|_| DeployError::Usage(format!("--arch {arch} is neither x86_64 nor arm64")))?;
    let settings = session.general()?;
    let services = session.services(&settings).await;
    let file = session.required_layer(arch)?;
    let versions = layers::list(&services, &settings.supervisor.layer_name).await?;
    let known = versions
        .iter()
        .find(|version| version.description == file.description.version_text());
    let (words, arn) = match known {
        Some(version) => ("there already", version.arn.clone()),
        None => (
            "published",
            layers::publish(&services, &settings.supervisor, &file).await?,
        ),
    };
    session.reporter.result(
        &format!("{arn}: {words}"),
        &json!({ "arn": arn, "published": known.is_none() }),
    );
    Ok(())
}

async fn ls(session: &Session) -> Result<(), DeployError> {
    let settings = session.general()?;
    let services = session.services(&settings).await;
    let versions = layers::list(&services, &settings.supervisor.layer_name).await?;
    let lines: Vec<String> = versions
        .iter()
        .map(|version| {
            format!(
                "{} {} {}",
                version.arn,
                version.architectures.join(","),
                version.description
            )
        })
        .collect();
    let text = lines.join("\n");
    let value = |version: &layers::Version| json!({ "arn": version.arn, "architectures": version.architectures, "description": version.description });
    session
        .reporter
        .result(&text, &versions.iter().map(value).collect());
    Ok(())
}

async fn prune(session: &Session) -> Result<(), DeployError> {
    let settings = session.general()?;
    let services = session.services(&settings).await;
    let functions = lambda::list(&services).await?;
    let used: BTreeSet<String> = functions
        .iter()
        .flat_map(FunctionConfiguration::layers)
        .filter_map(|layer| layer.arn().map(str::to_owned))
        .collect();
    let layer = &settings.supervisor.layer_name;
    let versions = layers::list(&services, layer).await?;
    let unused = layers::unused(&versions, &used);
    for version in &unused {
        session.reporter.note(&format!("removing {}", version.arn));
        layers::remove(&services, layer, version.number).await?;
    }
    let arns: Vec<_> = unused.iter().map(|version| version.arn.clone()).collect();
    let text = if arns.is_empty() {
        "every version is the newest of its processor or in use".to_owned()
    } else {
        arns.join("\n")
    };
    session.reporter.result(&text, &Value::from(arns));
    Ok(())
}
