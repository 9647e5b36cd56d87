//! Removes a function and what was made for it.

mod lookup;

use super::aws::{Services, WaitPolicy, api, batch, lambda, logs, s3, secret};
use super::error::DeployError;
use super::plan::Plan;
use super::plan::operation::Removal;
use super::plan::values::{function_arn, log_group_name, package_key};
use super::report::Reporter;
use super::settings::Settings;
use super::steps;

pub use lookup::plan;

/// What removing needs to know of a function.
#[derive(Debug, Clone, Copy)]
pub struct RemovalContext<'a> {
    /// Clients.
    pub services: &'a Services,
    /// The function's settings.
    pub settings: &'a Settings,
    /// Number of the account.
    pub account: &'a str,
    /// How long to wait for what AWS removes.
    pub wait: WaitPolicy,
}

/// Carries out every step of a removal's plan.
///
/// # Errors
/// [`DeployError::Unfinished`] at the first step that fails.
pub async fn apply(
    context: &RemovalContext<'_>,
    plan: &Plan<Removal>,
    reporter: &Reporter,
) -> Result<(), DeployError> {
    steps::carry_out(plan, reporter, async |removal| {
        carry_out(context, removal).await
    })
    .await
}

/// Carries out one removal. What is gone already is no error.
///
/// # Errors
/// [`DeployError`].
pub async fn carry_out(context: &RemovalContext<'_>, removal: &Removal) -> Result<(), DeployError> {
    let RemovalContext {
        services,
        settings,
        account,
        wait,
    } = *context;
    let name = &settings.function.name;
    match removal {
        Removal::Notification { bucket, statements } => {
            s3::forget(services, bucket, &function_arn(settings, account)).await?;
            for statement in statements {
                lambda::forbid(services, name, statement).await?;
            }
        }
        Removal::Permission(statement) => lambda::forbid(services, name, statement).await?,
        Removal::Api(id) => api::remove(services, id).await?,
        Removal::Package { bucket } => {
            s3::remove(services, bucket, &package_key(settings)).await?;
        }
        Removal::Function => lambda::remove(services, name).await?,
        Removal::LogGroup => logs::remove(services, &log_group_name(name)).await?,
        Removal::JobDefinitions(arns) => {
            for arn in arns {
                batch::deregister(services, arn).await?;
            }
        }
        Removal::JobQueue => batch::remove_queue(services, name, wait).await?,
        Removal::ComputeEnvironment => batch::remove_environment(services, name, wait).await?,
        Removal::Secret => secret::remove(services, name).await?,
    }
    Ok(())
}
