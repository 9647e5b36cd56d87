//! AWS Batch: compute environment, queue and job definition, all of the function's name.

mod definition;

use aws_sdk_batch::types::{
    CeState, CeStatus, CeType, ComputeEnvironmentDetail, ComputeEnvironmentOrder, ComputeResource,
    ComputeResourceUpdate, CrType, JobQueueDetail, JqState, JqStatus, LaunchTemplateSpecification,
};
use serde_json::{Value, json};

use super::Services;
use super::error::{AwsError, Doing};
use super::wait::Patience;
use crate::deploy::settings::{Settings, api::fill};

pub use definition::{Job, definitions, deregister, register};

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

/// The queue of a name.
///
/// # Errors
/// [`AwsError`].
pub async fn queue(services: &Services, name: &str) -> Result<Option<JobQueueDetail>, AwsError> {
    let request = services.batch.describe_job_queues().job_queues(name);
    let answer = request
        .send()
        .await
        .doing(format!("look up job queue {name}"))?;
    let found = answer.job_queues.unwrap_or_default().into_iter().next();
    Ok(found.filter(|found| !matches!(found.status(), Some(JqStatus::Deleted))))
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

/// Creates the queue, or changes its state, and waits until it can be used.
///
/// # Errors
/// [`AwsError`].
pub async fn ensure_queue(
    services: &Services,
    settings: &Settings,
    patience: Patience,
) -> Result<(), AwsError> {
    let name = &settings.function.name;
    let state = JqState::from(settings.batch.state.as_str());
    if queue(services, name).await?.is_some() {
        let request = services
            .batch
            .update_job_queue()
            .job_queue(name)
            .state(state);
        request
            .send()
            .await
            .doing(format!("change job queue {name}"))?;
    } else {
        let order = ComputeEnvironmentOrder::builder()
            .order(1)
            .compute_environment(name)
            .build();
        let request = services
            .batch
            .create_job_queue()
            .job_queue_name(name)
            .state(state)
            .priority(1);
        request
            .compute_environment_order(order)
            .send()
            .await
            .doing(format!("create job queue {name}"))?;
    }
    patience
        .wait(&format!("job queue {name}"), || async {
            let found = queue(services, name).await?;
            Ok(found
                .filter(|found| matches!(found.status(), Some(JqStatus::Valid)))
                .map(drop))
        })
        .await
}

/// Removes the queue: disabled first, as AWS Batch wants it, and waits until it is gone.
///
/// # Errors
/// [`AwsError`].
pub async fn remove_queue(
    services: &Services,
    name: &str,
    patience: Patience,
) -> Result<(), AwsError> {
    patience
        .wait(&format!("the end of job queue {name}"), || async {
            let Some(found) = queue(services, name).await? else {
                return Ok(Some(()));
            };
            if matches!(found.state(), Some(JqState::Enabled)) {
                let request = services
                    .batch
                    .update_job_queue()
                    .job_queue(name)
                    .state(JqState::Disabled);
                request
                    .send()
                    .await
                    .doing(format!("disable job queue {name}"))?;
            } else if matches!(found.status(), Some(JqStatus::Valid | JqStatus::Invalid)) {
                services
                    .batch
                    .delete_job_queue()
                    .job_queue(name)
                    .send()
                    .await
                    .doing(format!("remove job queue {name}"))?;
            }
            Ok(queue(services, name).await?.is_none().then_some(()))
        })
        .await
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
