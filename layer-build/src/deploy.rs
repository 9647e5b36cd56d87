//! `faas-deploy`: functions and everything around them, from a function file and `scar.cfg` to AWS.
//!
//! The story in one line, and one module per noun of it:
//! `command line + function file + scar.cfg → settings → package, what exists → plan → apply`.
//! Read [`deployment`] first, then [`plan::deploy`].

pub mod apply;
pub mod aws;
pub mod cfg;
pub mod cli;
pub mod definition;
pub mod deployment;
pub mod error;
pub mod function_config;
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
pub mod shorts;
pub mod verbs;

use std::path::PathBuf;

use cli::{Arguments, Verb};
use error::DeployError;
use net::Network;
use session::Session;

/// What of the process environment matters here.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `SCAR_CONFIG_FOLDER`.
    pub config_folder: Option<PathBuf>,
    /// This program's file.
    pub program: Option<PathBuf>,
    /// `PATH`.
    pub search: Option<PathBuf>,
    /// How AWS is reached.
    pub network: Network,
}

/// Does what the command line says; answers the exit code.
///
/// # Errors
/// [`DeployError`].
pub async fn run(arguments: Arguments, surroundings: &Surroundings) -> Result<u8, DeployError> {
    let session = Session::open(arguments.common, surroundings)?;
    match arguments.verb {
        Verb::Init(options) => Box::pin(verbs::init::init(&session, &options)).await?,
        Verb::Update { function, all } => {
            Box::pin(verbs::update::update(&session, &function, all)).await?;
        }
        Verb::Plan { function, trial } => match &trial.event {
            Some(event) => {
                return verbs::trial::run(&session, surroundings, &function, &trial, event).await;
            }
            None => Box::pin(verbs::init::plan(&session, &function)).await?,
        },
        Verb::Ls { bucket } => verbs::ls::ls(&session, bucket.as_deref()).await?,
        Verb::Run(options) => return verbs::run::run(&session, &options).await,
        Verb::Invoke(options) => return verbs::invoke::invoke(&session, &options).await,
        Verb::Doctor(which) => return verbs::doctor::doctor(&session, &which).await,
        Verb::Log(options) => verbs::log::log(&session, &options).await?,
        Verb::Put(options) => verbs::objects::put(&session, &options).await?,
        Verb::Get(options) => verbs::objects::get(&session, &options).await?,
        Verb::Rm { which, all } => verbs::rm::rm(&session, &which, all).await?,
        Verb::Layer(verb) => verbs::layer::layer(&session, &verb).await?,
        Verb::Config(verb) => return verbs::config::config(&session, verb).await,
    }
    Ok(0)
}
