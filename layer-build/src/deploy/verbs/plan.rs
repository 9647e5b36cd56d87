//! `plan`: shows what `init` or `update` would change.

use super::described::{self, is_description};
use super::update;
use crate::deploy::cli::FunctionOptions;
use crate::deploy::deployment::Deployment;
use crate::deploy::error::DeployError;
use crate::deploy::plan::Plan;
use crate::deploy::session::Session;

/// Shows the plans of `init` for the described functions, or that of `update` for a named one.
///
/// # Errors
/// [`DeployError`].
pub async fn plan(session: &Session, options: &FunctionOptions) -> Result<(), DeployError> {
    let deployments = if is_description(options) {
        described::deployments(session, options).await?
    } else {
        update::deployments(session, options, false).await?
    };
    let plans: Vec<Plan> = deployments.iter().map(Deployment::plan).collect();
    let text: String = plans.iter().map(Plan::to_string).collect();
    session
        .reporter
        .result(&text, &plans.iter().map(Plan::to_json).collect());
    Ok(())
}
