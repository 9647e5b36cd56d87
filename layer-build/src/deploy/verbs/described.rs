//! Functions that the options or a file describe.

use crate::deploy::cli::FunctionOptions;
use crate::deploy::deployment::Deployment;
use crate::deploy::error::DeployError;
use crate::deploy::plan::wanted::Scope;
use crate::deploy::session::Session;
use crate::deploy::settings::Settings;

/// Whether the options describe a whole function, and not only what to change of one.
pub(super) fn is_description(options: &FunctionOptions) -> bool {
    options.conf_file.is_some() || options.image.is_some() || options.image_file.is_some()
}

/// Settings of every described function.
///
/// # Errors
/// [`DeployError`], also for a function without an image or a name.
pub(super) fn settings(
    session: &Session,
    options: &FunctionOptions,
) -> Result<Vec<Settings>, DeployError> {
    if !is_description(options) {
        return Err(DeployError::Usage("what is the function? Give an image with --image (-i) or --image-file (-if), or a file with --conf-file (-f)".to_owned()));
    }
    let all = session.settings(&options.layer(), options.conf_file.as_ref())?;
    if all.iter().any(|settings| settings.function.name.is_empty()) {
        return Err(DeployError::Usage(
            "the function has no name: give it one with --name (-n) or lambda.name".to_owned(),
        ));
    }
    Ok(all)
}

/// Prepares the deployment of every described function.
///
/// # Errors
/// [`DeployError`].
pub(super) async fn deployments(
    session: &Session,
    options: &FunctionOptions,
) -> Result<Vec<Deployment>, DeployError> {
    let mut deployments = Vec::new();
    for settings in settings(session, options)? {
        deployments.push(prepare(session, settings, Scope::Whole).await?);
    }
    Ok(deployments)
}

/// Prepares one deployment, and shows the remarks about it.
///
/// # Errors
/// [`DeployError`].
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
    let prepared = Deployment::prepare(settings, services, layer, session.wait, scope);
    let prepared = Box::pin(prepared).await?;
    if let Some(notice) = &prepared.observed.notice {
        session.reporter.note(notice);
    }
    Ok(prepared)
}
