//! `update`: changes functions that exist, to what a file describes or by options.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::carry_out::carry_out;
use super::described::{self, is_description, prepare};
use super::ls;
use crate::deploy::aws::lambda;
use crate::deploy::cli::FunctionOptions;
use crate::deploy::definition::Definition;
use crate::deploy::deployment::Deployment;
use crate::deploy::error::DeployError;
use crate::deploy::plan::values::ARCHITECTURE;
use crate::deploy::plan::wanted::Scope;
use crate::deploy::session::Session;
use crate::deploy::settings::Settings;
use crate::deploy::settings::function::EXEC_WRAPPER;

/// Changes functions that exist.
///
/// # Errors
/// [`DeployError`].
pub async fn update(
    session: &Session,
    options: &FunctionOptions,
    all: bool,
) -> Result<(), DeployError> {
    let deployments = deployments(session, options, all).await?;
    carry_out(session, deployments, options.preheat).await
}

/// Prepares the deployments of functions that exist: those of a file, one by its name, or all of the user's.
///
/// # Errors
/// [`DeployError`].
pub(super) async fn deployments(
    session: &Session,
    options: &FunctionOptions,
    all: bool,
) -> Result<Vec<Deployment>, DeployError> {
    let mut deployments = Vec::new();
    if is_description(options) {
        for settings in described::settings(session, options)? {
            let deployment = prepare(session, settings, Scope::Whole).await?;
            if deployment.observed.function.is_none() {
                return Err(absent(&deployment.settings.function.name));
            }
            deployments.push(deployment);
        }
        return Ok(deployments);
    }
    let names = match (&options.name, all) {
        (_, true) => ls::own(session).await?.into_iter().map(|function| function.name).collect(),
        (Some(name), false) => vec![name.clone()],
        (None, false) => return Err(DeployError::Usage("which function? Name it with --name (-n), or its file with --conf-file (-f), or --all (-a)".to_owned())),
    };
    check_without_file(options)?;
    for name in names {
        let settings = as_it_is(session, options, &name).await?;
        deployments.push(prepare(session, settings, Scope::Configuration).await?);
    }
    Ok(deployments)
}

fn absent(name: &str) -> DeployError {
    DeployError::Usage(format!(
        "function {name} does not exist: create it with `faas-deploy init`"
    ))
}

/// Refuses options that change the package: without a file there is nothing to build it from.
fn check_without_file(options: &FunctionOptions) -> Result<(), DeployError> {
    let given = [
        ("--init-script", options.init_script.is_some()),
        ("--extra-payload", options.extra_payload.is_some()),
        ("--environment", !options.environment.is_empty()),
        ("--timeout-threshold", options.timeout_threshold.is_some()),
        ("--log-level", options.log_level.is_some()),
        ("--execution-mode", options.execution_mode.is_some()),
        ("--input-bucket", options.input_bucket.is_some()),
        ("--output-bucket", options.output_bucket.is_some()),
        ("--deployment-bucket", options.deployment_bucket.is_some()),
        ("--api-gateway-name", options.api_gateway_name.is_some()),
        (
            "--batch-memory, --batch-vcpus, --enable-gpu",
            options.batch_memory.is_some() || options.batch_vcpus.is_some() || options.enable_gpu,
        ),
    ];
    match given.iter().find(|(_, given)| *given) {
        Some((name, _)) => Err(DeployError::Usage(format!(
            "{name} changes more than Lambda's own settings: give the whole function, with --conf-file (-f) or --image (-i)"
        ))),
        None => Ok(()),
    }
}

/// Settings of a function as it is now, with the options of the command line over them.
async fn as_it_is(
    session: &Session,
    options: &FunctionOptions,
    name: &str,
) -> Result<Settings, DeployError> {
    let mut layer = options.layer();
    layer["lambda"]["name"] = name.into();
    let first = session.read(&session.sources(&layer, None))?;
    let services = session.services(&first).await;
    let state = lambda::observe(&services, name)
        .await?
        .ok_or_else(|| absent(name))?;
    let value = &state.value;
    let layers = value["layers"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    let own = format!(":layer:{}:", first.supervisor.layer_name);
    let layers: Vec<_> = layers.filter(|arn| !arn.contains(&own)).collect();
    let mut variables = value["environment"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    variables.remove(EXEC_WRAPPER.0);
    let mut lambda: Map<String, Value> = [
        "memory",
        "timeout",
        "description",
        "vpc",
        "file_system",
        "ephemeral_storage",
        "runtime",
    ]
    .iter()
    .filter_map(|key| {
        Some((
            (*key).to_owned(),
            value.get(*key).filter(|value| !value.is_null())?.clone(),
        ))
    })
    .collect();
    // The options may choose a layer for the same processor only.
    lambda.insert("architectures".to_owned(), json!([value[ARCHITECTURE]]));
    if value["runtime"].is_null() {
        lambda.insert("runtime".to_owned(), "image".into());
    }
    lambda.insert("layers".to_owned(), json!(layers));
    lambda.insert("environment".to_owned(), json!({ "Variables": variables }));
    let definition = Definition {
        path: PathBuf::from("the function as it is"),
        position: name.to_owned(),
        value: json!({ "lambda": lambda, "iam": { "role": value["role"] } }),
        storage_providers: json!({}),
    };
    session.read(&session.sources(&layer, Some(definition)))
}
