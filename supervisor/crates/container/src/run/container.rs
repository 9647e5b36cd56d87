//! The container of a run.

use std::path::Path;

use crate::prepare::prepared::Prepared;

/// The container of a run.
#[derive(Debug, Clone, Copy)]
pub struct Container<'a> {
    /// The container, in udocker's store.
    pub prepared: &'a Prepared,
    /// What is bound to `/var/task`, if it is.
    pub task_root: Option<&'a Path>,
}
