//! Removes a function and what was made for it.

use super::apply::unfinished;
use super::aws::{AwsError, Patience, Services, api, batch, iam, lambda, logs, s3, secret};
use super::error::DeployError;
use super::observe::{self, permitted};
use super::plan::deploy::{function_arn, log_group_name, package_key};
use super::plan::observed::Observed;
use super::plan::{Plan, Work, removal};
use super::report::Reporter;
use super::settings::Settings;

/// What is there, and the steps that remove it.
///
/// # Errors
/// [`AwsError`].
pub async fn plan(services: &Services, settings: &Settings) -> Result<(Plan, Observed), AwsError> {
    let name = &settings.function.name;
    let function = lambda::observe(services, name).await?;
    let mut apis: Vec<_> = permitted(api::of_function(services, name).await)?
        .into_iter()
        .filter_map(|api| api.id)
        .collect();
    // A function that SCAR deployed names its endpoint itself.
    let named = function.as_ref().and_then(|function| {
        function
            .value
            .pointer("/environment")?
            .get(api::API_VARIABLE)?
            .as_str()
    });
    apis.extend(named.map(str::to_owned));
    apis.sort();
    apis.dedup();
    let mut state = permitted(observe::of_name(services, name).await)?;
    state.secret = permitted(secret::read(services, name).await)?;
    let observed = Observed {
        account: iam::account(services).await?,
        function,
        log_group: logs::observe(services, &log_group_name(name)).await?,
        batch: state,
        ..Observed::default()
    };
    Ok((removal::plan(name, &observed, &apis), observed))
}

/// Carries a removal out.
///
/// # Errors
/// [`DeployError::Unfinished`].
pub async fn apply(
    services: &Services,
    settings: &Settings,
    observed: &Observed,
    plan: &Plan,
    patience: Patience,
    reporter: &Reporter,
) -> Result<(), DeployError> {
    for (index, step) in plan.steps.iter().enumerate() {
        reporter.begin(step, index + 1, plan.steps.len());
        if let Err(source) = carry_out(services, settings, observed, &step.work, patience).await {
            return Err(unfinished(plan, index, source));
        }
    }
    Ok(())
}

/// Carries one step of a removal out.
///
/// # Errors
/// [`DeployError`].
pub async fn carry_out(
    services: &Services,
    settings: &Settings,
    observed: &Observed,
    work: &Work,
    patience: Patience,
) -> Result<(), DeployError> {
    let name = &settings.function.name;
    match work {
        Work::RemoveNotification(bucket) => {
            let arn = function_arn(settings, &observed.account.id);
            notification(services, name, bucket, &arn, &[]).await?;
        }
        Work::RemoveApi(id) => api::remove(services, id).await?,
        Work::RemovePackage(bucket) => s3::remove(services, bucket, &package_key(settings)).await?,
        Work::RemoveFunction => lambda::remove(services, name).await?,
        Work::RemoveLogGroup => logs::remove(services, &log_group_name(name)).await?,
        Work::RemoveJobDefinitions(arns) => {
            for arn in arns {
                batch::deregister(services, arn).await?;
            }
        }
        Work::RemoveJobQueue => batch::remove_queue(services, name, patience).await?,
        Work::RemoveComputeEnvironment => {
            batch::remove_environment(services, name, patience).await?;
        }
        Work::RemoveSecret => secret::remove(services, name).await?,
        _ => {}
    }
    Ok(())
}

/// A bucket no longer notifies the function, and may no longer call it.
///
/// # Errors
/// [`DeployError`].
pub async fn notification(
    services: &Services,
    name: &str,
    bucket: &str,
    arn: &str,
    statements: &[String],
) -> Result<(), DeployError> {
    s3::forget(services, bucket, arn).await?;
    for statement in statements {
        lambda::forbid(services, name, statement).await?;
    }
    Ok(())
}
