//! Carries out the steps of a plan in order. Each step converges on its own: after a failure, the same command computes a plan
//! of what is still missing and goes on.

use super::error::DeployError;
use super::plan::{Plan, Step};
use super::report::Reporter;

/// Calls `act` for each step of the plan, and reports each before it begins.
///
/// # Errors
/// [`DeployError::Unfinished`] at the first step that fails: why, which steps are done, and which are not.
pub async fn carry_out<O>(
    plan: &Plan<O>,
    reporter: &Reporter,
    mut act: impl AsyncFnMut(&O) -> Result<(), DeployError>,
) -> Result<(), DeployError> {
    for (index, step) in plan.steps.iter().enumerate() {
        reporter.begin(&step.words(), index + 1, plan.steps.len());
        if let Err(source) = act(&step.operation).await {
            let (done, left) = plan.steps.split_at(index);
            let words = |steps: &[Step<O>]| steps.iter().map(Step::words).collect();
            return Err(DeployError::Unfinished {
                done: words(done),
                left: words(left),
                source: Box::new(source),
            });
        }
    }
    Ok(())
}
