//! `init` and `plan`.

use serde_json::{Value, json};

use super::update::existing;
use crate::deploy::apply::{apply, check};
use crate::deploy::aws::api;
use crate::deploy::aws::invoke::{Call, invoke};
use crate::deploy::cli::FunctionOptions;
use crate::deploy::deployment::{Deployment, Scope};
use crate::deploy::error::DeployError;
use crate::deploy::plan::{Plan, Step};
use crate::deploy::session::Session;
use crate::deploy::settings::Settings;

/// Creates functions with everything they need; one that exists is brought to what is described.
///
/// # Errors
/// [`DeployError`].
pub async fn init(session: &Session, options: &FunctionOptions) -> Result<(), DeployError> {
    let mut deployments = Vec::new();
    for settings in described(session, options)? {
        deployments.push(prepare(session, settings, Scope::Whole).await?);
    }
    carry_out_all(session, deployments, options.preheat).await
}

/// Carries out what has been prepared for every function: what is wrong with any of them has come out before the first step.
pub(super) async fn carry_out_all(
    session: &Session,
    deployments: Vec<Deployment>,
    preheat: bool,
) -> Result<(), DeployError> {
    let plans: Vec<Plan> = deployments.iter().map(Deployment::plan).collect();
    plans.iter().try_for_each(check)?;
    let mut reports = Vec::new();
    for (index, (mut deployment, plan)) in deployments.into_iter().zip(&plans).enumerate() {
        let applied = Box::pin(apply(&mut deployment, plan, &session.reporter)).await;
        applied.map_err(|error| among(error, &plans, index))?;
        if preheat {
            call_once(session, &deployment).await?;
        }
        reports.push(report(&deployment, plan));
    }
    let (texts, values): (Vec<String>, Vec<Value>) = reports.into_iter().unzip();
    session.reporter.result(&texts.concat(), &values.into());
    Ok(())
}

/// A failure half-way with one of several functions: the steps of all others count too.
fn among(error: DeployError, plans: &[Plan], index: usize) -> DeployError {
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

/// Shows what would be done.
///
/// # Errors
/// [`DeployError`].
pub async fn plan(session: &Session, options: &FunctionOptions) -> Result<(), DeployError> {
    let deployments = if is_description(options) {
        let mut deployments = Vec::new();
        for settings in described(session, options)? {
            deployments.push(prepare(session, settings, Scope::Whole).await?);
        }
        deployments
    } else {
        existing(session, options, false).await?
    };
    let plans: Vec<Plan> = deployments.iter().map(Deployment::plan).collect();
    let text: String = plans.iter().map(Plan::to_string).collect();
    session
        .reporter
        .result(&text, &plans.iter().map(Plan::to_json).collect());
    Ok(())
}

/// Whether the options say what the function is, and not only what to change of it.
pub(super) fn is_description(options: &FunctionOptions) -> bool {
    options.conf_file.is_some() || options.image.is_some() || options.image_file.is_some()
}

pub(super) fn described(
    session: &Session,
    options: &FunctionOptions,
) -> Result<Vec<Settings>, DeployError> {
    if !is_description(options) {
        return Err(DeployError::Usage("what is the function? Give an image with --image (-i) or --image-file (-if), or a file with --conf-file (-f)".to_owned()));
    }
    let mut all = session.settings(&options.layer(), options.conf_file.as_ref())?;
    for settings in &mut all {
        if settings.function.name.is_empty() {
            return Err(DeployError::Usage(
                "the function has no name: give it one with --name (-n) or lambda.name".to_owned(),
            ));
        }
    }
    Ok(all)
}

pub(super) async fn prepare(
    session: &Session,
    settings: Settings,
    scope: Scope,
) -> Result<Deployment, DeployError> {
    for notice in &settings.notices {
        session.reporter.note(notice);
    }
    let services = session.services(&settings).await;
    let layer = session.layer(settings.arch)?;
    let prepared = Deployment::prepare(settings, services, layer, session.patience, scope);
    let prepared = Box::pin(prepared).await?;
    if let Some(notice) = &prepared.observed.notice {
        session.reporter.note(notice);
    }
    Ok(prepared)
}

async fn call_once(session: &Session, deployment: &Deployment) -> Result<(), DeployError> {
    let name = &deployment.settings.function.name;
    session.reporter.note(&format!(
        "calling {name} once, so that its image is in place"
    ));
    let call = Call {
        function: name.clone(),
        invocation_type: "RequestResponse".to_owned(),
        log_type: "None".to_owned(),
    };
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
