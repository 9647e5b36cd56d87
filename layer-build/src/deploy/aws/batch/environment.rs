//! The compute environment, of the function's name.

use aws_sdk_batch::types::{
    CeState, CeStatus, CeType, ComputeEnvironmentDetail, ComputeResource, CrAllocationStrategy,
    CrType, LaunchTemplateSpecification,
};
use serde_json::json;

use super::tags;
use crate::deploy::aws::Services;
use crate::deploy::aws::error::{AwsError, Doing};
use crate::deploy::aws::wait::Patience;
use crate::deploy::plan::observed::{Changeable, EnvironmentState};
use crate::deploy::plan::values::sorted;
use crate::deploy::settings::batch::SERVICE_LINKED;
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

/// What matters of one that is there.
pub fn state(found: &ComputeEnvironmentDetail) -> EnvironmentState {
    let role = found.service_role().unwrap_or_default();
    let mut value = json!({
        "type": found.r#type().map(CeType::as_str),
        "state": found.state().map(CeState::as_str),
        "service_role": role,
    });
    let mut changeable = Changeable::Capacity;
    if let Some(resources) = found.compute_resources() {
        value["min_v_cpus"] = resources.minv_cpus().into();
        value["max_v_cpus"] = resources.maxv_cpus().into();
        value["resource_type"] = resources.r#type().map(CrType::as_str).into();
        value["instance_types"] = sorted(resources.instance_types());
        value["subnets"] = sorted(resources.subnets());
        value["security_group_ids"] = sorted(resources.security_group_ids());
        value["instance_role"] = resources.instance_role().into();
        let template = resources.launch_template().map(|template| {
            let name = template
                .launch_template_name()
                .or(template.launch_template_id());
            format!(
                "{}:{}",
                name.unwrap_or_default(),
                template.version().unwrap_or_default()
            )
        });
        value["launch_template"] = template.into();
        let strategy = resources
            .allocation_strategy()
            .map(CrAllocationStrategy::as_str);
        if role.ends_with(SERVICE_LINKED) && strategy.is_some_and(|name| name != "BEST_FIT") {
            changeable = Changeable::Everything;
        }
    }
    EnvironmentState { value, changeable }
}

/// Creates the compute environment and waits until it can be used. `version` is the launch template's.
///
/// # Errors
/// [`AwsError`].
pub async fn create_environment(
    services: &Services,
    settings: &Settings,
    account: &str,
    version: Option<&str>,
    patience: Patience,
) -> Result<(), AwsError> {
    let (batch, name) = (&settings.batch, &settings.function.name);
    let service_role = fill(&batch.service_role, &[("account_id", account)]);
    let managed = batch.kind == "MANAGED";
    let request = services
        .batch
        .create_compute_environment()
        .compute_environment_name(name)
        .r#type(CeType::from(batch.kind.as_str()))
        .state(CeState::from(batch.state.as_str()))
        .set_service_role(Some(service_role).filter(|role| !role.is_empty()))
        .set_compute_resources(managed.then(|| resources(settings, account, version)))
        .set_tags(Some(tags(name)));
    request
        .send()
        .await
        .doing(format!("create compute environment {name}"))?;
    valid(services, name, patience).await
}

/// Waits until the compute environment can be used.
///
/// # Errors
/// [`AwsError`], at once when it never will be.
pub async fn valid(services: &Services, name: &str, patience: Patience) -> Result<(), AwsError> {
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

pub(super) fn resources(
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
        .set_allocation_strategy(batch.allocation.as_deref().map(CrAllocationStrategy::from))
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
