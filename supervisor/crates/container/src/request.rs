//! What is to be run, and in which container.

use std::path::Path;

use environment::Limits;

use crate::{
    command::ContainerCommand, log::Keep, prepared::Prepared, variable::Variable,
    workspace::RecordDir,
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

/// The container of a run.
#[derive(Debug, Clone, Copy)]
pub struct Container<'a> {
    /// The container, in udocker's store.
    pub prepared: &'a Prepared,
    /// What is bound to `/var/task`, if it is.
    pub task_root: Option<&'a Path>,
}
