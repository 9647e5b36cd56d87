//! `init` and `plan`.

use serde_json::{Value, json};

use super::update::existing;
use crate::deploy::apply::apply;
use crate::deploy::aws::api;
use crate::deploy::aws::invoke::{Call, invoke};
use crate::deploy::cli::FunctionOptions;
use crate::deploy::deployment::{Deployment, Scope};
use crate::deploy::error::DeployError;
use crate::deploy::plan::Plan;
use crate::deploy::session::Session;
use crate::deploy::settings::Settings;

/// Creates functions with everything they need; one that exists is brought to what is described.
///
/// # Errors
/// [`DeployError`].
pub async fn init(session: &Session, options: &FunctionOptions) -> Result<(), DeployError> {
    let mut reports = Vec::new();
    for settings in described(session, options)? {
        let deployment = prepare(session, settings, Scope::Whole).await?;
        reports.push(carry_out(session, deployment, options.preheat).await?);
    }
    show(session, reports);
    Ok(())
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
    Box::pin(prepared).await
}

pub(super) async fn carry_out(
    session: &Session,
    mut deployment: Deployment,
    preheat: bool,
) -> Result<(String, Value), DeployError> {
    let plan = deployment.plan();
    Box::pin(apply(&mut deployment, &plan, &session.reporter)).await?;
    let name = &deployment.settings.function.name;
    if preheat {
        session.reporter.note(&format!(
            "calling {name} once, so that its image is in place"
        ));
        let call = Call {
            function: name.clone(),
            invocation_type: "RequestResponse".to_owned(),
            log_type: "None".to_owned(),
        };
        invoke(&deployment.services, &call, &json!({})).await?;
    }
    let url = deployment
        .observed
        .api
        .as_ref()
        .map(|state| api::url(&deployment.settings, &state.id));
    let mut report = plan.to_json();
    report["url"] = json!(url);
    let mut text = plan.to_string();
    if let Some(url) = url {
        text = format!("{text}  HTTP endpoint: {url}\n");
    }
    Ok((text, report))
}

pub(super) fn show(session: &Session, reports: Vec<(String, Value)>) {
    let (texts, values): (Vec<String>, Vec<Value>) = reports.into_iter().unzip();
    session.reporter.result(&texts.concat(), &values.into());
}
