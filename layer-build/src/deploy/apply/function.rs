//! Steps about the function itself: its layer, code, configuration, tags and logs.

use std::collections::BTreeMap;

use super::layer;
use crate::deploy::aws::lambda::{Code, Target};
use crate::deploy::aws::{lambda, layers, logs};
use crate::deploy::deployment::Deployment;
use crate::deploy::error::DeployError;
use crate::deploy::package::Route;
use crate::deploy::plan::Work;
use crate::deploy::plan::deploy::{
    CREATED_BY, CREATOR, OWNER, PACKAGE_BUCKET, function_arn, log_group_name,
};

pub(super) async fn function(deployment: &mut Deployment, work: &Work) -> Result<(), DeployError> {
    if *work == Work::Layer {
        deployment.observed.layer = Some(publish(deployment).await?);
        return Ok(());
    }
    let tags = tags(deployment);
    let (services, patience) = (&deployment.services, deployment.patience);
    let target = Target {
        settings: &deployment.settings,
        role: &deployment.observed.role,
        layer: deployment.observed.layer.as_deref(),
        tags: &tags,
    };
    let code = match &deployment.package {
        Some((package, route)) => Code::Package(package, route),
        None => Code::Image(
            deployment
                .settings
                .function
                .image
                .as_deref()
                .unwrap_or_default(),
        ),
    };
    match work {
        Work::CreateFunction => drop(lambda::create(services, &target, code, patience).await?),
        Work::FunctionCode => {
            lambda::update_code(services, &deployment.settings, code, patience).await?;
        }
        Work::FunctionConfiguration => {
            lambda::update_configuration(services, &target, patience).await?;
        }
        _ => {
            lambda::tag(
                services,
                &function_arn(&deployment.settings, &deployment.observed.account.id),
                &tags,
            )
            .await?;
        }
    }
    Ok(())
}

/// Looks first: another function's deployment may just have published it.
async fn publish(deployment: &Deployment) -> Result<String, DeployError> {
    let (services, wanted) = (&deployment.services, &deployment.settings.supervisor);
    let layer = layer(deployment)?;
    let versions = layers::list(services, &wanted.layer_name).await?;
    let arch = deployment.settings.arch;
    if let Some(known) = layers::choose(&versions, wanted, arch, Some(layer)) {
        return Ok(known.arn.clone());
    }
    Ok(layers::publish(services, wanted, layer).await?)
}

fn tags(deployment: &Deployment) -> BTreeMap<String, String> {
    let mut tags = deployment.settings.function.tags.clone();
    tags.insert(CREATED_BY.to_owned(), CREATOR.to_owned());
    tags.insert(OWNER.to_owned(), deployment.observed.account.user.clone());
    if let Some((_, Route::Bucket(bucket))) = &deployment.package {
        tags.insert(PACKAGE_BUCKET.to_owned(), bucket.clone());
    }
    tags
}

pub(super) async fn log_group(deployment: &Deployment, work: &Work) -> Result<(), DeployError> {
    let group = log_group_name(&deployment.settings.function.name);
    let (services, tags) = (&deployment.services, tags(deployment));
    match work {
        Work::Retention => {
            let days = deployment.settings.retention_days;
            logs::retain(services, &group, days).await?;
        }
        Work::LogGroupTags => {
            let state = deployment.observed.log_group.as_ref();
            let arn = state.map(|state| state.arn.as_str()).unwrap_or_default();
            logs::tag(services, arn, tags).await?;
        }
        _ => logs::create(services, &group, tags).await?,
    }
    Ok(())
}
