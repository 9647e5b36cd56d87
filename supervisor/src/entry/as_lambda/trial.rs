//! One run under the imitation: what is run, and how.

use std::ffi::OsString;

use super::{function::Function, user::Need};
use config::FunctionConfig;
use container::workspace::Retention;
use environment::Environment;

/// How the report is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportFormat {
    /// Lines on standard error, after those of the run.
    Text,
    /// As the member `as_lambda` of the run's own object.
    Json,
}

/// One run under the imitation.
#[derive(Debug)]
pub struct Trial<'a> {
    /// The user's environment.
    pub environment: &'a Environment,
    /// The function's configuration.
    pub config: &'a FunctionConfig,
    /// The function's size.
    pub function: Function,
    /// The whole command line, which the inner process gets again.
    pub words: &'a [OsString],
    /// What the run needs of this machine's files.
    pub needs: Vec<Need>,
    /// How the report is shown.
    pub format: ReportFormat,
    /// Whether the workspace stays.
    pub retention: Retention,
}
