//! The compute environment, of the function's name.

use aws_sdk_batch::types::{
    CeState, CeStatus, CeType, ComputeEnvironmentDetail, ComputeResource, ComputeResourceUpdate,
    CrType, LaunchTemplateSpecification,
};
use serde_json::{Value, json};

use crate::deploy::aws::Services;
use crate::deploy::aws::error::{AwsError, Doing};
use crate::deploy::aws::wait::Patience;
use crate::deploy::settings::{Settings, api::fill};

/// The compute environment of a name.
///
/// # Errors
/// [`AwsError`].
pub async fn environment(
    services: &Services,
    name: &str,
) -> Result<Option<ComputeEnvironmentDetail>, AwsError> {
    let request = services
        .batch
        .describe_compute_environments()
        .compute_environments(name);
    let answer = request
        .send()
        .await
        .doing(format!("look up compute environment {name}"))?;
    let found = answer
        .compute_environments
        .unwrap_or_default()
        .into_iter()
        .next();
    Ok(found.filter(|found| !matches!(found.status(), Some(CeStatus::Deleted))))
}

/// In the shape of [`crate::deploy::plan::deploy::environment_value`].
pub fn environment_value(found: &ComputeEnvironmentDetail) -> Value {
    let resources = found.compute_resources();
    json!({
        "state": found.state().map(CeState::as_str),
        "min_v_cpus": resources.and_then(ComputeResource::minv_cpus),
        "max_v_cpus": resources.and_then(ComputeResource::maxv_cpus),
    })
}

/// Creates the compute environment, or changes what can be changed of one that is there, and waits until it can be used.
///
/// # Errors
/// [`AwsError`].
pub async fn ensure_environment(
    services: &Services,
    settings: &Settings,
    account: &str,
    template_version: Option<&str>,
    patience: Patience,
) -> Result<(), AwsError> {
    let (batch, name) = (&settings.batch, &settings.function.name);
    let managed = batch.kind == "MANAGED";
    if environment(services, name).await?.is_some() {
        let mut request = services
            .batch
            .update_compute_environment()
            .compute_environment(name);
        request = request.state(CeState::from(batch.state.as_str()));
        if managed {
            let resources = ComputeResourceUpdate::builder()
                .minv_cpus(batch.min)
                .maxv_cpus(batch.max);
            request = request.compute_resources(resources.build());
        }
        request
            .send()
            .await
            .doing(format!("change compute environment {name}"))?;
    } else {
        let request = services
            .batch
            .create_compute_environment()
            .compute_environment_name(name);
        let request = request
            .r#type(CeType::from(batch.kind.as_str()))
            .state(CeState::from(batch.state.as_str()))
            .service_role(fill(&batch.service_role, &[("account_id", account)]))
            .set_compute_resources(managed.then(|| resources(settings, account, template_version)));
        request
            .send()
            .await
            .doing(format!("create compute environment {name}"))?;
    }
    patience
        .wait(&format!("compute environment {name}"), || async {
            let found = environment(services, name).await?;
            let status = found.as_ref().and_then(ComputeEnvironmentDetail::status);
            if matches!(status, Some(CeStatus::Invalid)) {
                let reason = found
                    .as_ref()
                    .and_then(ComputeEnvironmentDetail::status_reason);
                return Err(AwsError::new(
                    format!("prepare compute environment {name}"),
                    reason.unwrap_or("it is invalid"),
                ));
            }
            Ok(matches!(status, Some(CeStatus::Valid)).then_some(()))
        })
        .await
}

fn resources(
    settings: &Settings,
    account: &str,
    template_version: Option<&str>,
) -> ComputeResource {
    let batch = &settings.batch;
    let template = template_version.map(|version| {
        LaunchTemplateSpecification::builder()
            .launch_template_name(&batch.launch_template)
            .version(version)
            .build()
    });
    ComputeResource::builder()
        .r#type(CrType::from(batch.resource_kind.as_str()))
        .minv_cpus(batch.min)
        .maxv_cpus(batch.max)
        .desiredv_cpus(batch.desired)
        .set_instance_types(Some(batch.instance_types.clone()))
        .set_subnets(Some(batch.subnets.clone()))
        .set_security_group_ids(Some(batch.security_groups.clone()))
        .instance_role(fill(&batch.instance_role, &[("account_id", account)]))
        .set_launch_template(template)
        .build()
}

/// Removes the compute environment in the same way.
///
/// # Errors
/// [`AwsError`].
pub async fn remove_environment(
    services: &Services,
    name: &str,
    patience: Patience,
) -> Result<(), AwsError> {
    patience
        .wait(
            &format!("the end of compute environment {name}"),
            || async {
                let Some(found) = environment(services, name).await? else {
                    return Ok(Some(()));
                };
                if matches!(found.state(), Some(CeState::Enabled)) {
                    let request = services
                        .batch
                        .update_compute_environment()
                        .compute_environment(name)
                        .state(CeState::Disabled);
                    request
                        .send()
                        .await
                        .doing(format!("disable compute environment {name}"))?;
                } else if matches!(found.status(), Some(CeStatus::Valid | CeStatus::Invalid)) {
                    let request = services
                        .batch
                        .delete_compute_environment()
                        .compute_environment(name);
                    request
                        .send()
                        .await
                        .doing(format!("remove compute environment {name}"))?;
                }
                Ok(environment(services, name).await?.is_none().then_some(()))
            },
        )
        .await
}
