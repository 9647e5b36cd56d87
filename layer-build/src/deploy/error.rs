//! Why a verb failed.

use std::path::PathBuf;

use config::ConfigError;
use serde_json::{Value, json};
use thiserror::Error;

use super::aws::AwsError;
use super::cfg::CfgError;
use super::definition::DefinitionError;
use super::layer_file::LayerFileError;
use super::package::PackageError;
use super::settings::SettingsError;

/// Why a verb failed. Each message says what failed, on what, and what to do next.
#[derive(Debug, Error)]
pub enum DeployError {
    /// `scar.cfg`.
    #[error(transparent)]
    Cfg(#[from] CfgError),
    /// The function's file.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// A key of `scar.cfg`, the function's file or the command line.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A key that the supervisor would refuse.
    #[error("the supervisor would refuse this function: {0}")]
    Config(#[from] ConfigError),
    /// The package.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The local layer.
    #[error(transparent)]
    Layer(#[from] LayerFileError),
    /// AWS.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// A plan that was not carried out to its end.
    #[error(
        "{source}\ndone before that: {}; not done: {}. Correct the cause and run the same command again: it goes on from there.",
        list(done),
        list(left)
    )]
    Unfinished {
        /// What is there now.
        done: Vec<String>,
        /// What is not.
        left: Vec<String>,
        /// Why it stopped.
        source: Box<DeployError>,
    },
    /// AWS cannot make the function what it should be.
    #[error("nothing of function {function} has been changed: {obstacles}")]
    Impossible {
        /// The function.
        function: String,
        /// What AWS cannot do, and what to do in its place.
        obstacles: String,
    },
    /// The command cannot be carried out as it was given.
    #[error("{0}")]
    Usage(String),
    /// A step that does not fit its function: a fault of this program.
    #[error("{0}, but a step of the plan needs it: this is a fault of faas-deploy")]
    Internal(&'static str),
    /// A file of the user's.
    #[error("cannot use {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

impl DeployError {
    /// The error as JSON.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Unfinished { done, left, source } => {
                json!({ "error": source.to_string(), "done": done, "not_done": left })
            }
            other => json!({ "error": other.to_string() }),
        }
    }
}

fn list(steps: &[String]) -> String {
    if steps.is_empty() {
        "nothing".to_owned()
    } else {
        steps.join(", ")
    }
}
