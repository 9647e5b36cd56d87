//! The compute environment, which has the function's name.

use aws_sdk_batch::types::{
    CeState, CeStatus, CeType, ComputeEnvironmentDetail, ComputeResource, CrAllocationStrategy,
    CrType, LaunchTemplateSpecification,
};
use serde_json::json;

use super::tags::tags;
use crate::deploy::aws::Services;
use crate::deploy::aws::error::{AwsError, Context};
use crate::deploy::aws::wait::WaitPolicy;
use crate::deploy::plan::observed::{Changeable, EnvironmentState};
use crate::deploy::plan::values::sorted;
use crate::deploy::settings::batch::{EnvironmentType, SERVICE_LINKED_ROLE};
use crate::deploy::settings::{Settings, api::fill};

/// The compute environment with a name.
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
        .context(format!("look up compute environment {name}"))?;
    let found = answer
        .compute_environments
        .unwrap_or_default()
        .into_iter()
        .next();
    Ok(found.filter(|found| !matches!(found.status(), Some(CeStatus::Deleted))))
}

/// A compute environment in the shape that states are compared in.
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
        if role.ends_with(SERVICE_LINKED_ROLE) && strategy.is_some_and(|name| name != "BEST_FIT") {
            changeable = Changeable::Everything;
        }
    }
    EnvironmentState { value, changeable }
}

/// Creates the compute environment and waits until it can be used. `version` is the launch template's version.
///
/// # Errors
/// [`AwsError`].
pub async fn create_environment(
    services: &Services,
    settings: &Settings,
    account: &str,
    version: Option<&str>,
    wait: WaitPolicy,
) -> Result<(), AwsError> {
    let (batch, name) = (&settings.batch, &settings.function.name);
    let service_role = fill(&batch.service_role, &[("account_id", account)]);
    let managed = batch.environment_type == EnvironmentType::Managed;
    let request = services
        .batch
        .create_compute_environment()
        .compute_environment_name(name)
        .r#type(CeType::from(batch.environment_type.as_str()))
        .state(CeState::from(batch.state.as_str()))
        .set_service_role(Some(service_role).filter(|role| !role.is_empty()))
        .set_compute_resources(managed.then(|| resources(settings, account, version)))
        .set_tags(Some(tags(name)));
    request
        .send()
        .await
        .context(format!("create compute environment {name}"))?;
    valid(services, name, wait).await
}

/// Waits until the compute environment can be used.
///
/// # Errors
/// [`AwsError`], at once when it never will be.
pub async fn valid(services: &Services, name: &str, wait: WaitPolicy) -> Result<(), AwsError> {
    wait.wait(&format!("compute environment {name}"), || async {
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
        .r#type(CrType::from(batch.resource_type.as_str()))
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

/// Disables the compute environment, as AWS Batch demands, removes it, and waits until it is gone.
///
/// # Errors
/// [`AwsError`].
pub async fn remove_environment(
    services: &Services,
    name: &str,
    wait: WaitPolicy,
) -> Result<(), AwsError> {
    wait.wait(
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
                    .context(format!("disable compute environment {name}"))?;
            } else if matches!(found.status(), Some(CeStatus::Valid | CeStatus::Invalid)) {
                let request = services
                    .batch
                    .delete_compute_environment()
                    .compute_environment(name);
                request
                    .send()
                    .await
                    .context(format!("remove compute environment {name}"))?;
            }
            Ok(environment(services, name).await?.is_none().then_some(()))
        },
    )
    .await
}
