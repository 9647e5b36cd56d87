//! `faas-deploy`: deploys functions and everything around them to AWS.
//!
//! The way of a function, with one module for each noun:
//! `command line + function file + scar.cfg → settings → package + what exists → plan → apply`.
//! Read [`deployment`] first, then [`plan::deploy`].

pub mod apply;
pub mod aws;
pub mod cfg;
pub mod cli;
pub mod definition;
pub mod deployment;
pub mod error;
pub mod function_config;
pub mod host;
pub mod job_parts;
pub mod layer_file;
pub mod notification;
pub mod observe;
pub mod package;
pub mod partition;
pub mod plan;
pub mod removal;
pub mod report;
pub mod session;
pub mod settings;
pub mod short_options;
pub mod steps;
pub mod verbs;

use cli::{Arguments, Verb};
use error::DeployError;
use host::HostEnvironment;
use session::Session;

/// Carries out a command line, and returns the exit code.
///
/// # Errors
/// [`DeployError`].
pub async fn run(arguments: Arguments, host: &HostEnvironment) -> Result<u8, DeployError> {
    let session = Session::open(arguments.common, host)?;
    match arguments.verb {
        Verb::Init(options) => Box::pin(verbs::init::init(&session, &options)).await?,
        Verb::Update { function, all } => {
            Box::pin(verbs::update::update(&session, &function, all)).await?;
        }
        Verb::Plan {
            function,
            local_run,
        } => match &local_run.event {
            Some(event) => {
                return verbs::local_run::run(&session, host, &function, &local_run, event).await;
            }
            None => Box::pin(verbs::plan::plan(&session, &function)).await?,
        },
        Verb::Ls { bucket } => verbs::ls::ls(&session, bucket.as_deref()).await?,
        Verb::Run(options) => return verbs::run::run(&session, &options).await,
        Verb::Invoke(options) => return verbs::invoke::invoke(&session, &options).await,
        Verb::Doctor(selector) => return verbs::doctor::doctor(&session, &selector).await,
        Verb::Log(options) => verbs::log::log(&session, &options).await?,
        Verb::Put(options) => verbs::objects::put(&session, &options).await?,
        Verb::Get(options) => verbs::objects::get(&session, &options).await?,
        Verb::Rm { selector, all } => verbs::rm::rm(&session, &selector, all).await?,
        Verb::Layer(verb) => verbs::layer::layer(&session, &verb).await?,
        Verb::Config(verb) => return verbs::config::config(&session, verb).await,
    }
    Ok(0)
}
