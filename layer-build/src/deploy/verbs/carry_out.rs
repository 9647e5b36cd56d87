//! Carries out the deployments of one command.

use aws_sdk_lambda::types::LogType;
use serde_json::{Value, json};

use crate::deploy::apply::{apply, check};
use crate::deploy::aws::api;
use crate::deploy::aws::invoke::{Call, invoke};
use crate::deploy::deployment::Deployment;
use crate::deploy::error::DeployError;
use crate::deploy::plan::{Plan, Step};
use crate::deploy::session::Session;

/// Carries out deployments, one after the other. All plans are checked before the first step.
///
/// # Errors
/// [`DeployError`].
pub(super) async fn carry_out(
    session: &Session,
    deployments: Vec<Deployment>,
    preheat: bool,
) -> Result<(), DeployError> {
    let plans: Vec<Plan> = deployments.iter().map(Deployment::plan).collect();
    plans.iter().try_for_each(check)?;
    let mut reports = Vec::new();
    for (index, (mut deployment, plan)) in deployments.into_iter().zip(&plans).enumerate() {
        let applied = Box::pin(apply(&mut deployment, plan, &session.reporter)).await;
        applied.map_err(|error| with_other_plans(error, &plans, index))?;
        if preheat {
            call_once(session, &deployment).await?;
        }
        reports.push(report(&deployment, plan));
    }
    let (texts, values): (Vec<String>, Vec<Value>) = reports.into_iter().unzip();
    session.reporter.result(&texts.concat(), &values.into());
    Ok(())
}

/// Adds the steps of all other functions to the failure of the function at `index`.
fn with_other_plans(error: DeployError, plans: &[Plan], index: usize) -> DeployError {
    let words = |plans: &[Plan]| -> Vec<String> {
        let steps = plans.iter().flat_map(|plan| &plan.steps);
        steps.map(Step::words).collect()
    };
    match error {
        DeployError::Unfinished { done, left, source } => DeployError::Unfinished {
            done: [words(plans.get(..index).unwrap_or_default()), done].concat(),
            left: [left, words(plans.get(index + 1..).unwrap_or_default())].concat(),
            source,
        },
        other => other,
    }
}

async fn call_once(session: &Session, deployment: &Deployment) -> Result<(), DeployError> {
    let name = &deployment.settings.function.name;
    session.reporter.note(&format!(
        "calling {name} once, so that its image is in place"
    ));
    let call = Call::waiting(name, LogType::None);
    let answer = invoke(&deployment.services, &call, &json!({})).await?;
    if answer.error.is_some() {
        let (output, _) = answer.outcome();
        let output = String::from_utf8_lossy(&output);
        session.reporter.note(&format!(
            "that call of {name} failed: {}",
            output.trim_end()
        ));
    }
    Ok(())
}

fn report(deployment: &Deployment, plan: &Plan) -> (String, Value) {
    let api = deployment.observed.api.as_ref();
    let url = api.map(|state| api::url(&deployment.settings, &state.id));
    let mut report = plan.to_json();
    report["url"] = json!(url);
    let mut text = plan.to_string();
    if let Some(url) = url {
        text = format!("{text}  HTTP endpoint: {url}\n");
    }
    (text, report)
}
