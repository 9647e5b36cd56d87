//! AWS Lambda: the function.

mod change;
mod parts;
mod policy;

use std::collections::{BTreeMap, HashMap};

use aws_sdk_lambda::types::{Architecture, EphemeralStorage, FunctionConfiguration, Runtime};
use serde_json::{Value, json};

use super::Services;
use super::error::{AwsError, Doing};
use crate::deploy::package::{Package, Route};
use crate::deploy::plan::observed::FunctionState;
use crate::deploy::plan::values::ARCHITECTURE;
use crate::deploy::settings::{Settings, Vpc};

pub use change::{create, ready, remove, tag, update_code, update_configuration};
use policy::statements;
pub use policy::{forbid, permit};

/// Where the code is.
#[derive(Debug, Clone, Copy)]
pub enum Code<'a> {
    /// A package.
    Package(&'a Package, &'a Route),
    /// The function's own image.
    Image(&'a str),
}

/// What creating and changing need.
#[derive(Debug, Clone)]
pub struct Target<'a> {
    /// Settings.
    pub settings: &'a Settings,
    /// ARN of the role.
    pub role: &'a str,
    /// ARN of the supervisor's layer.
    pub layer: Option<&'a str>,
    /// The tags.
    pub tags: &'a BTreeMap<String, String>,
}

/// Looks the function up; none when it does not exist.
///
/// # Errors
/// [`AwsError`].
pub async fn observe(services: &Services, name: &str) -> Result<Option<FunctionState>, AwsError> {
    let answer = services
        .lambda
        .get_function()
        .function_name(name)
        .send()
        .await;
    let answer = match answer.doing(format!("look up function {name}")) {
        Ok(answer) => answer,
        Err(error) if error.is_absence() => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some(found) = answer.configuration else {
        return Ok(None);
    };
    let image = answer.code.and_then(|code| code.image_uri);
    Ok(Some(FunctionState {
        arn: found.function_arn.clone().unwrap_or_default(),
        code: image
            .or_else(|| found.code_sha256.clone())
            .unwrap_or_default(),
        value: value(&found),
        tags: answer.tags.unwrap_or_default().into_iter().collect(),
        statements: statements(services, name).await?,
    }))
}

/// In the shape of [`crate::deploy::plan::deploy::function_value`].
fn value(found: &FunctionConfiguration) -> Value {
    let layers: Vec<_> = found
        .layers()
        .iter()
        .filter_map(|layer| layer.arn())
        .collect();
    let vpc = found
        .vpc_config()
        .filter(|vpc| !vpc.subnet_ids().is_empty())
        .map(|vpc| {
            let ipv6 = vpc.ipv6_allowed_for_dual_stack().unwrap_or(false);
            Vpc::new(
                vpc.subnet_ids().to_vec(),
                vpc.security_group_ids().to_vec(),
                ipv6,
            )
        });
    let file_system: Vec<_> = found
        .file_system_configs()
        .iter()
        .map(|config| json!({ "Arn": config.arn(), "LocalMountPath": config.local_mount_path() }))
        .collect();
    json!({
        "role": found.role(),
        ARCHITECTURE: found.architectures().first().map_or("x86_64", Architecture::as_str),
        "memory": found.memory_size(),
        "timeout": found.timeout(),
        "description": found.description(),
        "environment": found.environment().and_then(|environment| environment.variables()),
        "ephemeral_storage": found.ephemeral_storage().map_or(512, EphemeralStorage::size),
        "vpc": vpc.as_ref().map(Vpc::value),
        "file_system": file_system,
        "runtime": found.runtime().map(Runtime::as_str),
        "layers": layers,
    })
}

/// What is gone already is removed.
///
/// # Errors
/// Every other error.
pub fn gone<T>(answer: Result<T, AwsError>) -> Result<(), AwsError> {
    match answer {
        Err(error) if !error.is_absence() => Err(error),
        _ => Ok(()),
    }
}

/// Every function of the region.
///
/// # Errors
/// [`AwsError`].
pub async fn list(services: &Services) -> Result<Vec<FunctionConfiguration>, AwsError> {
    let pages = services
        .lambda
        .list_functions()
        .into_paginator()
        .items()
        .send();
    pages
        .collect::<Result<Vec<_>, _>>()
        .await
        .doing("list functions")
}

/// A function's tags; none of one that has gone meanwhile.
///
/// # Errors
/// [`AwsError`].
pub async fn tags(services: &Services, arn: &str) -> Result<HashMap<String, String>, AwsError> {
    let answer = services.lambda.list_tags().resource(arn).send().await;
    match answer.doing(format!("read the tags of {arn}")) {
        Ok(answer) => Ok(answer.tags.unwrap_or_default()),
        Err(error) if error.is_absence() => Ok(HashMap::new()),
        Err(error) => Err(error),
    }
}
