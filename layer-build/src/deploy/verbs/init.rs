//! `init`: creates functions, or changes those that exist to what is described.

use super::carry_out::carry_out;
use super::described;
use crate::deploy::cli::FunctionOptions;
use crate::deploy::error::DeployError;
use crate::deploy::session::Session;

/// Creates the described functions with everything they need. A function that exists is changed to what is described.
///
/// # Errors
/// [`DeployError`].
pub async fn init(session: &Session, options: &FunctionOptions) -> Result<(), DeployError> {
    let deployments = described::deployments(session, options).await?;
    carry_out(session, deployments, options.preheat).await
}
