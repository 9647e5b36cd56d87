//! Removes a function and what was made for it.

use std::collections::BTreeSet;

use super::apply::unfinished;
use super::aws::{AwsError, Patience, Services, api, batch, iam, lambda, logs, s3, secret};
use super::error::DeployError;
use super::notification;
use super::observe::{self, permitted};
use super::plan::deploy::{
    PACKAGE_BUCKET, bucket_of_statement, function_arn, log_group_name, package_key,
};
use super::plan::observed::Observed;
use super::plan::removal::{self, Remains};
use super::plan::{Plan, Work};
use super::report::Reporter;
use super::settings::Settings;

/// What is there, and the steps that remove it.
///
/// # Errors
/// [`AwsError`].
pub async fn plan(services: &Services, settings: &Settings) -> Result<(Plan, Observed), AwsError> {
    let name = &settings.function.name;
    let function = lambda::observe(services, name).await?;
    let mut batch = permitted(observe::of_name(services, name).await)?;
    batch.secret = permitted(secret::read(services, name).await)?;
    let observed = Observed {
        account: iam::account(services).await?,
        function,
        log_group: logs::observe(services, &log_group_name(name)).await?,
        batch,
        ..Observed::default()
    };
    let remains = Remains {
        notifying: notifying(services, settings, &observed).await?,
        apis: apis(services, name, &observed).await?,
        package: package(services, settings, &observed).await?,
    };
    Ok((removal::plan(name, &observed, &remains), observed))
}

async fn apis(
    services: &Services,
    name: &str,
    observed: &Observed,
) -> Result<Vec<String>, AwsError> {
    let found = permitted(api::of_function(services, name).await)?;
    let found = found.into_iter().filter_map(|api| api.id);
    let mut ids: Vec<_> = found
        .chain(api::of_scar(observed.function.as_ref()))
        .collect();
    ids.sort();
    ids.dedup();
    Ok(ids)
}

/// Buckets that may call the function, and those of its file that notify it still: somebody may have removed the function alone.
async fn notifying(
    services: &Services,
    settings: &Settings,
    observed: &Observed,
) -> Result<BTreeSet<String>, AwsError> {
    let statements = observed.function.iter().flat_map(|state| &state.statements);
    let mut buckets: BTreeSet<_> = statements
        .filter_map(|(id, source)| bucket_of_statement(id, source))
        .collect();
    let arn = function_arn(settings, &observed.account.id);
    for place in &settings.function.input {
        if buckets.contains(&place.bucket) {
            continue;
        }
        let current = match s3::notification(services, &place.bucket).await {
            Err(error) if error.is_absence() => continue,
            answer => permitted(answer)?,
        };
        if notification::remove(&current, &arn) != current {
            buckets.insert(place.bucket.clone());
        }
    }
    Ok(buckets)
}

/// The bucket of the function's package: as the function remembers it, or the file says.
async fn package(
    services: &Services,
    settings: &Settings,
    observed: &Observed,
) -> Result<Option<String>, AwsError> {
    if let Some(state) = &observed.function {
        return Ok(state.tags.get(PACKAGE_BUCKET).cloned());
    }
    let Some(bucket) = &settings.deployment.bucket else {
        return Ok(None);
    };
    let there = permitted(s3::has(services, bucket, &package_key(settings)).await)?;
    Ok(there.then(|| bucket.clone()))
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
            forget(services, name, bucket, &arn, &[]).await?;
        }
        Work::RemovePermission(id) => lambda::forbid(services, name, id).await?,
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
pub async fn forget(
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
