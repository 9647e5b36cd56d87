//! Carries a plan out, step by step. Each step converges by itself, so a plan that stopped half-way is computed and carried
//! out again, and only what is missing is done.

mod callers;
mod function;
mod jobs;
mod storage;

use super::aws::AwsError;
use super::deployment::{Deployment, JobParts};
use super::error::DeployError;
use super::layer_file::LayerFile;
use super::partition::bucket_of;
use super::plan::deploy::function_arn;
use super::plan::{Plan, Step, Work};
use super::removal;
use super::report::Reporter;
use callers::callers;
use function::{function, log_group};
use jobs::jobs;
use storage::storage;

/// Checks that a plan can be carried out.
///
/// # Errors
/// [`DeployError::Impossible`].
pub fn check(plan: &Plan) -> Result<(), DeployError> {
    if plan.obstacles.is_empty() {
        return Ok(());
    }
    Err(DeployError::Impossible {
        function: plan.function.clone(),
        obstacles: plan.obstacles.join("\n"),
    })
}

/// Carries out every step of a plan.
///
/// # Errors
/// [`DeployError::Unfinished`]: what failed, what is there now, and how to go on.
pub async fn apply(
    deployment: &mut Deployment,
    plan: &Plan,
    reporter: &Reporter,
) -> Result<(), DeployError> {
    for (index, step) in plan.steps.iter().enumerate() {
        reporter.begin(step, index + 1, plan.steps.len());
        if let Err(source) = carry_out(deployment, step).await {
            return Err(unfinished(plan, index, source));
        }
    }
    Ok(())
}

/// A failure half-way: what is there now and what is not.
pub fn unfinished(plan: &Plan, index: usize, source: DeployError) -> DeployError {
    let (done, left) = plan.steps.split_at(index);
    let words = |steps: &[Step]| steps.iter().map(Step::words).collect();
    DeployError::Unfinished {
        done: words(done),
        left: words(left),
        source: Box::new(source),
    }
}

async fn carry_out(deployment: &mut Deployment, step: &Step) -> Result<(), DeployError> {
    match &step.work {
        Work::Bucket(_)
        | Work::Folder(..)
        | Work::Package
        | Work::JobSupervisor
        | Work::Notification(_) => storage(deployment, &step.work).await,
        Work::Layer
        | Work::CreateFunction
        | Work::FunctionCode
        | Work::FunctionConfiguration
        | Work::FunctionTags => function(deployment, &step.work).await,
        Work::LogGroup | Work::Retention | Work::LogGroupTags => {
            log_group(deployment, &step.work).await
        }
        Work::AdoptApi(_) | Work::Api | Work::ApiPermission(_) | Work::BucketPermission(_) => {
            callers(deployment, &step.work).await
        }
        Work::Secret
        | Work::LaunchTemplate
        | Work::ComputeEnvironment
        | Work::ChangeEnvironment
        | Work::JobQueue
        | Work::JobDefinition => jobs(deployment, step).await,
        Work::RemoveNotification(bucket) => {
            let arn = function_arn(&deployment.settings, &deployment.observed.account.id);
            let statements = deployment
                .observed
                .function
                .iter()
                .flat_map(|function| function.statements.iter());
            let ids: Vec<_> = statements
                .filter(|(_, source)| bucket_of(source) == Some(bucket.as_str()))
                .map(|(id, _)| id.clone())
                .collect();
            removal::forget(
                &deployment.services,
                &deployment.settings.function.name,
                bucket,
                &arn,
                &ids,
            )
            .await
        }
        removed => {
            let (services, patience) = (&deployment.services, deployment.patience);
            let (settings, observed) = (&deployment.settings, &deployment.observed);
            removal::carry_out(services, settings, observed, removed, patience).await
        }
    }
}

fn job(deployment: &Deployment) -> Result<&JobParts, DeployError> {
    let missing = || AwsError::new("prepare jobs", "the function has none");
    Ok(deployment.job.as_ref().ok_or_else(missing)?)
}

fn layer(deployment: &Deployment) -> Result<&LayerFile, DeployError> {
    let missing = || {
        DeployError::Usage(
            "there is no layer to publish: run `make layer`, or name its folder with --layer-dir"
                .to_owned(),
        )
    };
    deployment.layer.as_ref().ok_or_else(missing)
}
