//! Carries a deployment's plan out.

mod function;
mod jobs;
mod storage;
mod triggers;

use super::deployment::Deployment;
use super::error::DeployError;
use super::plan::{Operation, Plan};
use super::removal::{self, RemovalContext};
use super::report::Reporter;
use super::steps;

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
/// [`DeployError::Unfinished`] at the first step that fails.
pub async fn apply(
    deployment: &mut Deployment,
    plan: &Plan,
    reporter: &Reporter,
) -> Result<(), DeployError> {
    steps::carry_out(plan, reporter, async |operation| {
        carry_out(deployment, operation).await
    })
    .await
}

async fn carry_out(deployment: &mut Deployment, operation: &Operation) -> Result<(), DeployError> {
    match operation {
        Operation::Storage(operation) => storage::carry_out(deployment, operation).await,
        Operation::Function(operation) => function::carry_out(deployment, *operation).await,
        Operation::LogGroup(operation) => function::log_group(deployment, *operation).await,
        Operation::Trigger(operation) => triggers::carry_out(deployment, operation).await,
        Operation::Job(operation) => jobs::carry_out(deployment, operation).await,
        Operation::Remove(removal) => {
            let context = RemovalContext {
                services: &deployment.services,
                settings: &deployment.settings,
                account: &deployment.observed.account.id,
                wait: deployment.wait,
            };
            removal::carry_out(&context, removal).await
        }
    }
}
