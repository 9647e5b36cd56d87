//! Operations about the function itself: its layer, code, configuration and tags, and its log group.

use std::collections::BTreeMap;

use crate::deploy::aws::lambda::{Code, Target};
use crate::deploy::aws::{lambda, layers, logs};
use crate::deploy::deployment::Deployment;
use crate::deploy::error::DeployError;
use crate::deploy::package::Route;
use crate::deploy::plan::operation::{FunctionOperation, LogGroupOperation};
use crate::deploy::plan::values::{function_arn, function_tags, log_group_name};

pub(super) async fn carry_out(
    deployment: &mut Deployment,
    operation: FunctionOperation,
) -> Result<(), DeployError> {
    let tags = tags(deployment);
    let (services, settings, wait) = (&deployment.services, &deployment.settings, deployment.wait);
    let target = Target {
        settings,
        role: &deployment.observed.role,
        layer: deployment.observed.layer.as_deref(),
        tags: &tags,
    };
    match operation {
        FunctionOperation::PublishLayer => {
            deployment.observed.layer = Some(publish(deployment).await?);
        }
        FunctionOperation::Create => {
            lambda::create(services, &target, code(deployment), wait).await?;
        }
        FunctionOperation::ReplaceCode => {
            lambda::update_code(services, settings, code(deployment), wait).await?;
        }
        FunctionOperation::Configure => {
            lambda::update_configuration(services, &target, wait).await?;
        }
        FunctionOperation::Tag => {
            let arn = function_arn(settings, &deployment.observed.account.id);
            lambda::tag(services, &arn, &tags).await?;
        }
    }
    Ok(())
}

fn code(deployment: &Deployment) -> Code<'_> {
    if let Some((package, route)) = &deployment.package {
        return Code::Package(package, route);
    }
    let image = deployment.settings.function.image.as_deref();
    Code::Image(image.unwrap_or_default())
}

/// Publishes the layer, unless another function's deployment has just published it.
async fn publish(deployment: &Deployment) -> Result<String, DeployError> {
    let (services, wanted) = (&deployment.services, &deployment.settings.supervisor);
    let layer = deployment.layer()?;
    let versions = layers::list(services, &wanted.layer_name).await?;
    let arch = deployment.settings.arch;
    if let Some(known) = layers::choose(&versions, wanted, arch, Some(layer)) {
        return Ok(known.arn.clone());
    }
    Ok(layers::publish(services, wanted, layer).await?)
}

fn tags(deployment: &Deployment) -> BTreeMap<String, String> {
    let bucket = match &deployment.package {
        Some((_, Route::Bucket(bucket))) => Some(bucket.as_str()),
        Some((_, Route::Request)) | None => None,
    };
    let user = &deployment.observed.account.user;
    function_tags(&deployment.settings, user, bucket)
}

pub(super) async fn log_group(
    deployment: &Deployment,
    operation: LogGroupOperation,
) -> Result<(), DeployError> {
    let group = log_group_name(&deployment.settings.function.name);
    let services = &deployment.services;
    match operation {
        LogGroupOperation::Create => logs::create(services, &group, tags(deployment)).await?,
        LogGroupOperation::SetRetention => {
            let days = deployment.settings.retention_days;
            logs::retain(services, &group, days).await?;
        }
        LogGroupOperation::Tag => {
            let arn = &deployment.log_group()?.arn;
            logs::tag(services, arn, tags(deployment)).await?;
        }
    }
    Ok(())
}
