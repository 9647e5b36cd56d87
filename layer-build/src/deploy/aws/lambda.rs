//! AWS Lambda: the function.

mod change;
mod parts;
mod policy;

use std::collections::HashMap;

use aws_sdk_lambda::types::{Architecture, EphemeralStorage, FunctionConfiguration, Runtime};
use serde_json::{Value, json};

use super::Services;
use super::error::{AwsError, AwsErrorKind, Context};
use crate::deploy::plan::observed::FunctionState;
use crate::deploy::plan::values::ARCHITECTURE;
use crate::deploy::settings::Vpc;

pub use change::{create, ready, remove, tag, update_code, update_configuration};
pub use parts::{Code, Target};
use policy::statements;
pub use policy::{Permission, forbid, permit};

/// Looks the function up; `None` when it does not exist.
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
    let answer = match answer.context(format!("look up function {name}")) {
        Ok(answer) => answer,
        Err(error) if error.kind == AwsErrorKind::Absent => return Ok(None),
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

/// The configuration in the shape of [`crate::deploy::plan::values::function_value`].
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
        .context("list functions")
}

/// A function's tags; none if it has been removed meanwhile.
///
/// # Errors
/// [`AwsError`].
pub async fn tags(services: &Services, arn: &str) -> Result<HashMap<String, String>, AwsError> {
    let answer = services.lambda.list_tags().resource(arn).send().await;
    match answer.context(format!("read the tags of {arn}")) {
        Ok(answer) => Ok(answer.tags.unwrap_or_default()),
        Err(error) if error.kind == AwsErrorKind::Absent => Ok(HashMap::new()),
        Err(error) => Err(error),
    }
}
