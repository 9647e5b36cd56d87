//! The job queue, which has the function's name.

use aws_sdk_batch::types::{ComputeEnvironmentOrder, JobQueueDetail, JqState, JqStatus};

use super::environment::valid;
use super::tags::tags;
use crate::deploy::aws::Services;
use crate::deploy::aws::error::{AwsError, Context};
use crate::deploy::aws::wait::WaitPolicy;
use crate::deploy::settings::Settings;

/// The queue with a name.
///
/// # Errors
/// [`AwsError`].
pub async fn queue(services: &Services, name: &str) -> Result<Option<JobQueueDetail>, AwsError> {
    let request = services.batch.describe_job_queues().job_queues(name);
    let answer = request
        .send()
        .await
        .context(format!("look up job queue {name}"))?;
    let found = answer.job_queues.unwrap_or_default().into_iter().next();
    Ok(found.filter(|found| !matches!(found.status(), Some(JqStatus::Deleted))))
}

/// Creates the queue, or changes its state, and waits until it can be used.
///
/// # Errors
/// [`AwsError`].
pub async fn ensure_queue(
    services: &Services,
    settings: &Settings,
    wait: WaitPolicy,
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
            .context(format!("change job queue {name}"))?;
    } else {
        // An earlier run may have created the environment without waiting for it.
        valid(services, name, wait).await?;
        let order = ComputeEnvironmentOrder::builder()
            .order(1)
            .compute_environment(name)
            .build();
        let request = services
            .batch
            .create_job_queue()
            .job_queue_name(name)
            .state(state)
            .priority(1)
            .set_tags(Some(tags(name)));
        request
            .compute_environment_order(order)
            .send()
            .await
            .context(format!("create job queue {name}"))?;
    }
    wait.wait(&format!("job queue {name}"), || async {
        let found = queue(services, name).await?;
        let status = found.as_ref().and_then(JobQueueDetail::status);
        if matches!(status, Some(JqStatus::Invalid)) {
            let reason = found.as_ref().and_then(JobQueueDetail::status_reason);
            let what = format!("prepare job queue {name}");
            return Err(AwsError::new(what, reason.unwrap_or("it is invalid")));
        }
        Ok(matches!(status, Some(JqStatus::Valid)).then_some(()))
    })
    .await
}

/// Disables the queue, as AWS Batch demands, removes it, and waits until it is gone.
///
/// # Errors
/// [`AwsError`].
pub async fn remove_queue(
    services: &Services,
    name: &str,
    wait: WaitPolicy,
) -> Result<(), AwsError> {
    wait.wait(&format!("the end of job queue {name}"), || async {
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
                .context(format!("disable job queue {name}"))?;
        } else if matches!(found.status(), Some(JqStatus::Valid | JqStatus::Invalid)) {
            services
                .batch
                .delete_job_queue()
                .job_queue(name)
                .send()
                .await
                .context(format!("remove job queue {name}"))?;
        }
        Ok(queue(services, name).await?.is_none().then_some(()))
    })
    .await
}
