//! `rm`: removes functions.

use serde_json::{Value, json};

use crate::deploy::cli::FunctionSelector;
use crate::deploy::error::DeployError;
use crate::deploy::removal::{self, RemovalContext};
use crate::deploy::session::Session;
use crate::deploy::settings::Settings;
use crate::deploy::verbs::ls;

/// Removes functions and what was made for them. What is gone already is no error.
///
/// # Errors
/// [`DeployError`].
pub async fn rm(
    session: &Session,
    selector: &FunctionSelector,
    all: bool,
) -> Result<(), DeployError> {
    let mut texts = String::new();
    let mut values = Vec::new();
    for settings in chosen(session, selector, all).await? {
        let services = session.services(&settings).await;
        let (plan, account) = removal::plan(&services, &settings).await?;
        let context = RemovalContext {
            services: &services,
            settings: &settings,
            account: &account,
            wait: session.wait,
        };
        removal::apply(&context, &plan, &session.reporter).await?;
        texts.push_str(&plan.to_string());
        values.push(plan.to_json());
    }
    session.reporter.result(&texts, &Value::from(values));
    Ok(())
}

async fn chosen(
    session: &Session,
    selector: &FunctionSelector,
    all: bool,
) -> Result<Vec<Settings>, DeployError> {
    if all {
        let names = ls::own(session).await?;
        let one = |name: &str| {
            session.one(&FunctionSelector {
                name: Some(name.to_owned()),
                conf_file: None,
            })
        };
        return names.iter().map(|function| one(&function.name)).collect();
    }
    if selector.name.is_none() && selector.conf_file.is_none() {
        return Err(DeployError::Usage("which function? Name it with --name (-n), or its file with --conf-file (-f), or --all (-a)".to_owned()));
    }
    session.settings(
        &json!({ "lambda": { "name": selector.name } }),
        selector.conf_file.as_ref(),
    )
}
