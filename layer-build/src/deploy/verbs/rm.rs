//! `rm`.

use serde_json::{Value, json};

use crate::deploy::cli::Which;
use crate::deploy::error::DeployError;
use crate::deploy::removal;
use crate::deploy::session::Session;
use crate::deploy::settings::Settings;
use crate::deploy::verbs::ls;

/// Removes functions and what was made for them. What is gone already is no error.
///
/// # Errors
/// [`DeployError`].
pub async fn rm(session: &Session, which: &Which, all: bool) -> Result<(), DeployError> {
    let mut texts = String::new();
    let mut values = Vec::new();
    for settings in chosen(session, which, all).await? {
        let services = session.services(&settings).await;
        let (plan, observed) = removal::plan(&services, &settings).await?;
        removal::apply(
            &services,
            &settings,
            &observed,
            &plan,
            session.patience,
            &session.reporter,
        )
        .await?;
        texts.push_str(&plan.to_string());
        values.push(plan.to_json());
    }
    session.reporter.result(&texts, &Value::from(values));
    Ok(())
}

async fn chosen(session: &Session, which: &Which, all: bool) -> Result<Vec<Settings>, DeployError> {
    if all {
        let names = ls::own(session).await?;
        let one = |name: &str| {
            session.one(&Which {
                name: Some(name.to_owned()),
                conf_file: None,
            })
        };
        return names.iter().map(|function| one(&function.name)).collect();
    }
    if which.name.is_none() && which.conf_file.is_none() {
        return Err(DeployError::Usage("which function? Name it with --name (-n), or its file with --conf-file (-f), or --all (-a)".to_owned()));
    }
    session.settings(
        &json!({ "lambda": { "name": which.name } }),
        which.conf_file.as_ref(),
    )
}
