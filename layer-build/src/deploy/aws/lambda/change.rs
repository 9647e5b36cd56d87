//! Creating, changing and removing a function.

use std::collections::BTreeMap;
use std::future::Future;

use aws_sdk_lambda::types::{
    Architecture, FunctionCode, LastUpdateStatus, PackageType, Runtime, State, VpcConfig,
};

use super::parts::{
    Code, Target, blob, environment, ephemeral_storage, file_systems, function_code, handler,
    layers, runtime, to_map, vpc,
};
use crate::deploy::aws::Services;
use crate::deploy::aws::error::{AwsError, AwsErrorKind, Context, ignore_absence};
use crate::deploy::aws::wait::WaitPolicy;
use crate::deploy::package::Route;
use crate::deploy::plan::values::package_key;
use crate::deploy::settings::{self, Settings};

/// Repeats a request that names a role until Lambda can assume the role. It takes some seconds until a new role is known
/// everywhere.
async fn until_assumable<T, F: Future<Output = Result<T, AwsError>>>(
    role: &str,
    wait: WaitPolicy,
    mut send: impl FnMut() -> F,
) -> Result<T, AwsError> {
    let what = format!("the role {role} to be assumable by Lambda");
    wait.wait(&what, || {
        let answer = Box::pin(send());
        async {
            match answer.await {
                Err(error) if error.kind == AwsErrorKind::RoleNotAssumable => Ok(None),
                answer => answer.map(Some),
            }
        }
    })
    .await
}

/// Creates the function and waits until it can be called.
///
/// # Errors
/// [`AwsError`].
pub async fn create(
    services: &Services,
    target: &Target<'_>,
    code: Code<'_>,
    wait: WaitPolicy,
) -> Result<(), AwsError> {
    let (settings, name) = (target.settings, &target.settings.function.name);
    let function = &settings.function;
    let what = format!("create function {name}");
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
        .set_file_system_configs(Some(file_systems(settings)?).filter(|list| !list.is_empty()))
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
    until_assumable(target.role, wait, || async {
        match request.clone().send().await.context(&what) {
            Ok(_) => Ok(()),
            // An earlier run created it and was interrupted.
            Err(error) if error.kind == AwsErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
    })
    .await?;
    ready(services, name, wait).await
}

/// Waits until the function can be called and changed.
///
/// # Errors
/// [`AwsError`].
pub async fn ready(services: &Services, name: &str, wait: WaitPolicy) -> Result<(), AwsError> {
    let what = format!("function {name} to be active");
    wait.wait(&what, || async {
        let request = services
            .lambda
            .get_function_configuration()
            .function_name(name);
        let found = request
            .send()
            .await
            .context(format!("look up function {name}"))?;
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
    wait: WaitPolicy,
) -> Result<(), AwsError> {
    let name = &settings.function.name;
    let what = format!("replace the code of function {name}");
    // An earlier run may have created it without waiting for it.
    ready(services, name, wait).await?;
    let request = services.lambda.update_function_code().function_name(name);
    let request = request.architectures(Architecture::from(settings.arch.name()));
    let request = match code {
        Code::Image(uri) => request.image_uri(uri),
        Code::Package(package, Route::Request) => request.zip_file(blob(package)?),
        Code::Package(_, Route::Bucket(bucket)) => {
            request.s3_bucket(bucket).s3_key(package_key(settings))
        }
    };
    request.send().await.context(what)?;
    ready(services, name, wait).await
}

/// Replaces the configuration.
///
/// # Errors
/// [`AwsError`].
pub async fn update_configuration(
    services: &Services,
    target: &Target<'_>,
    wait: WaitPolicy,
) -> Result<(), AwsError> {
    let (settings, name) = (target.settings, &target.settings.function.name);
    let function = &settings.function;
    ready(services, name, wait).await?;
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
        // Empty lists take the function out of its network.
        .vpc_config(vpc(settings).unwrap_or_else(|| {
            VpcConfig::builder()
                .set_subnet_ids(Some(Vec::new()))
                .set_security_group_ids(Some(Vec::new()))
                .build()
        }))
        .set_file_system_configs(Some(file_systems(settings)?));
    if function.runtime != settings::Runtime::Image {
        request = request
            .runtime(Runtime::from(runtime(settings)))
            .handler(handler(settings))
            .set_layers(Some(layers(target)));
    }
    let what = format!("change function {name}");
    until_assumable(target.role, wait, || async {
        request.clone().send().await.context(&what)
    })
    .await?;
    ready(services, name, wait).await
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
        .context(format!("tag function {arn}"))
        .map(drop)
}

/// Removes the function.
///
/// # Errors
/// [`AwsError`].
pub async fn remove(services: &Services, name: &str) -> Result<(), AwsError> {
    ignore_absence(
        services
            .lambda
            .delete_function()
            .function_name(name)
            .send()
            .await
            .context(format!("remove function {name}")),
    )
}
