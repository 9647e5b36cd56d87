//! AWS Lambda: the function.

mod parts;
mod policy;

use std::collections::{BTreeMap, HashMap};

use aws_sdk_lambda::error::ProvideErrorMetadata;
use aws_sdk_lambda::types::{
    Architecture, EphemeralStorage, FunctionCode, FunctionConfiguration, LastUpdateStatus,
    PackageType, Runtime, State, VpcConfig,
};
use serde_json::{Value, json};

use super::Services;
use super::error::{AwsError, Doing};
use super::wait::Patience;
use crate::deploy::package::{Package, Route};
use crate::deploy::plan::deploy::package_key;
use crate::deploy::plan::observed::FunctionState;
use crate::deploy::settings::{self, Settings};

use parts::{
    blob, environment, ephemeral_storage, file_systems, function_code, handler, layers, runtime,
    to_map, vpc,
};
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
        .filter(|vpc| !vpc.subnet_ids().is_empty());
    let file_system: Vec<_> = found
        .file_system_configs()
        .iter()
        .map(|config| json!({ "Arn": config.arn(), "LocalMountPath": config.local_mount_path() }))
        .collect();
    json!({
        "role": found.role(),
        "memory": found.memory_size(),
        "timeout": found.timeout(),
        "description": found.description(),
        "environment": found.environment().and_then(|environment| environment.variables()),
        "ephemeral_storage": found.ephemeral_storage().map_or(512, EphemeralStorage::size),
        "vpc": vpc.map(|vpc| json!({ "SubnetIds": vpc.subnet_ids(), "SecurityGroupIds": vpc.security_group_ids() })),
        "file_system": file_system,
        "runtime": found.runtime().map(Runtime::as_str),
        "layers": layers,
    })
}

/// Creates the function and waits until it can be called. A role that has just been made is not assumable everywhere for
/// some seconds, so that refusal is waited out.
///
/// # Errors
/// [`AwsError`].
pub async fn create(
    services: &Services,
    target: &Target<'_>,
    code: Code<'_>,
    patience: Patience,
) -> Result<String, AwsError> {
    let (settings, name) = (target.settings, &target.settings.function.name);
    let function = &settings.function;
    let doing = format!("create function {name}");
    let mut request = services
        .lambda
        .create_function()
        .function_name(name)
        .role(target.role)
        .description(&function.description)
        .memory_size(function.memory)
        .timeout(function.timeout)
        .environment(environment(&function.variables))
        .set_tags(Some(to_map(target.tags)))
        .ephemeral_storage(ephemeral_storage(settings)?)
        .set_vpc_config(vpc(settings))
        .set_file_system_configs(file_systems(settings)?)
        .architectures(Architecture::from(settings.arch.name()));
    request = match code {
        Code::Image(uri) => request
            .package_type(PackageType::Image)
            .code(FunctionCode::builder().image_uri(uri).build()),
        Code::Package(package, route) => request
            .code(function_code(package, route, settings)?)
            .runtime(Runtime::from(runtime(settings)))
            .handler(handler(settings))
            .set_layers(Some(layers(target))),
    };
    let arn = patience
        .wait(
            &format!("the role {} to be assumable by Lambda", target.role),
            || {
                let request = request.clone();
                let doing = doing.clone();
                async move {
                    match request.send().await {
                        Ok(answer) => Ok(Some(answer.function_arn.unwrap_or_default())),
                        Err(error)
                            if error.message().is_some_and(|text| {
                                text.contains("cannot be assumed by Lambda")
                            }) =>
                        {
                            Ok(None)
                        }
                        // A crash after the request: it is there.
                        Err(error) if error.code() == Some("ResourceConflictException") => {
                            Ok(Some(String::new()))
                        }
                        Err(error) => Err(error).doing(doing),
                    }
                }
            },
        )
        .await?;
    ready(services, name, patience).await?;
    Ok(arn)
}

/// Waits until the function can be called and changed.
///
/// # Errors
/// [`AwsError`].
pub async fn ready(services: &Services, name: &str, patience: Patience) -> Result<(), AwsError> {
    let what = format!("function {name} to be active");
    patience
        .wait(&what, || async {
            let request = services
                .lambda
                .get_function_configuration()
                .function_name(name);
            let found = request
                .send()
                .await
                .doing(format!("look up function {name}"))?;
            let failed = matches!(found.state(), Some(State::Failed))
                || matches!(found.last_update_status(), Some(LastUpdateStatus::Failed));
            if failed {
                let reason = found
                    .state_reason()
                    .or(found.last_update_status_reason())
                    .unwrap_or("AWS says no reason");
                return Err(AwsError::new(format!("prepare function {name}"), reason));
            }
            let busy = matches!(found.state(), Some(State::Pending))
                || matches!(
                    found.last_update_status(),
                    Some(LastUpdateStatus::InProgress)
                );
            Ok((!busy).then_some(()))
        })
        .await
}

/// Replaces the code.
///
/// # Errors
/// [`AwsError`].
pub async fn update_code(
    services: &Services,
    settings: &Settings,
    code: Code<'_>,
    patience: Patience,
) -> Result<(), AwsError> {
    let name = &settings.function.name;
    let doing = format!("replace the code of function {name}");
    let request = services.lambda.update_function_code().function_name(name);
    let request = request.architectures(Architecture::from(settings.arch.name()));
    let request = match code {
        Code::Image(uri) => request.image_uri(uri),
        Code::Package(package, Route::Request) => request.zip_file(blob(package)?),
        Code::Package(_, Route::Bucket(bucket)) => {
            request.s3_bucket(bucket).s3_key(package_key(settings))
        }
    };
    request.send().await.doing(doing)?;
    ready(services, name, patience).await
}

/// Replaces the configuration.
///
/// # Errors
/// [`AwsError`].
pub async fn update_configuration(
    services: &Services,
    target: &Target<'_>,
    patience: Patience,
) -> Result<(), AwsError> {
    let (settings, name) = (target.settings, &target.settings.function.name);
    let function = &settings.function;
    let mut request = services
        .lambda
        .update_function_configuration()
        .function_name(name)
        .role(target.role)
        .description(&function.description)
        .memory_size(function.memory)
        .timeout(function.timeout)
        .environment(environment(&function.variables))
        .ephemeral_storage(ephemeral_storage(settings)?)
        // Without one the function leaves its network.
        .vpc_config(vpc(settings).unwrap_or_else(|| {
            VpcConfig::builder()
                .set_subnet_ids(Some(Vec::new()))
                .set_security_group_ids(Some(Vec::new()))
                .build()
        }))
        .set_file_system_configs(Some(file_systems(settings)?.unwrap_or_default()));
    if function.runtime != settings::Runtime::Image {
        request = request
            .runtime(Runtime::from(runtime(settings)))
            .handler(handler(settings))
            .set_layers(Some(layers(target)));
    }
    request
        .send()
        .await
        .doing(format!("change function {name}"))?;
    ready(services, name, patience).await
}

/// Adds tags; others stay.
///
/// # Errors
/// [`AwsError`].
pub async fn tag(
    services: &Services,
    arn: &str,
    tags: &BTreeMap<String, String>,
) -> Result<(), AwsError> {
    let request = services
        .lambda
        .tag_resource()
        .resource(arn)
        .set_tags(Some(to_map(tags)));
    request
        .send()
        .await
        .doing(format!("tag function {arn}"))
        .map(drop)
}

/// Removes the function.
///
/// # Errors
/// [`AwsError`].
pub async fn remove(services: &Services, name: &str) -> Result<(), AwsError> {
    gone(
        services
            .lambda
            .delete_function()
            .function_name(name)
            .send()
            .await
            .doing(format!("remove function {name}")),
    )
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

/// A function's tags.
///
/// # Errors
/// [`AwsError`].
pub async fn tags(services: &Services, arn: &str) -> Result<HashMap<String, String>, AwsError> {
    let answer = services.lambda.list_tags().resource(arn).send().await;
    Ok(answer
        .doing(format!("read the tags of {arn}"))?
        .tags
        .unwrap_or_default())
}
