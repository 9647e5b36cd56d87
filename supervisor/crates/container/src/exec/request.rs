//! What is to be run, wherever that is.

use environment::Limits;

use crate::{
    engine::command::ContainerCommand, exec::log::Keep, variable::Variable, workspace::RecordDir,
};

/// What one run needs to know, wherever it runs.
#[derive(Debug)]
pub struct RunRequest<'a> {
    /// Its directories; the script and the event file are in place.
    pub record: &'a RecordDir,
    /// What runs.
    pub command: ContainerCommand,
    /// Its variables.
    pub variables: &'a [Variable],
    /// When it is stopped.
    pub limits: Limits,
    /// How much of its output is kept.
    pub keep: Keep,
}
