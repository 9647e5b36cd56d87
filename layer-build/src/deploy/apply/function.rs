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
        let arn = layers::publish(
            &deployment.services,
            &deployment.settings.supervisor,
            layer(deployment)?,
        )
        .await?;
        deployment.observed.layer = Some(arn);
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
    if *work == Work::Retention {
        return Ok(logs::retain(
            &deployment.services,
            &group,
            deployment.settings.retention_days,
        )
        .await?);
    }
    Ok(logs::create(&deployment.services, &group, tags(deployment)).await?)
}
