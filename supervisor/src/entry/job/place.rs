//! What the machine of a job is like.

use std::path::PathBuf;

use anyhow::bail;

use crate::environment::{self as names, Environment};

/// Who runs the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Runner {
    /// AWS Batch.
    Batch,
    /// Any other: Kubernetes, a queueing system, a person.
    Other,
}

impl Runner {
    /// As the variables of the job tell.
    pub(super) fn of(environment: &Environment) -> Self {
        match environment.get(names::AWS_BATCH_JOB_ID) {
            Some(_) => Self::Batch,
            None => Self::Other,
        }
    }
}

/// The environment with `TMPDIR` set to a directory that can be written: the one it names, else the first of the usual
/// ones. A container whose root is read-only mostly has a `/dev/shm` (Docker and Kubernetes mount one).
pub(super) fn with_room(environment: Environment) -> anyhow::Result<Environment> {
    let wanted = environment.temp_dir();
    let here = std::env::current_dir().unwrap_or_default();
    let usual = ["/var/tmp", "/dev/shm"].into_iter().map(PathBuf::from);
    let mut tried = Vec::new();
    for directory in [wanted.clone()].into_iter().chain(usual).chain([here]) {
        match tempfile::Builder::new()
            .prefix("faas-")
            .tempdir_in(&directory)
        {
            Ok(_removed_at_once) if directory == wanted => return Ok(environment),
            Ok(_removed_at_once) => {
                let (wanted, directory) = (wanted.display(), directory.display());
                tracing::warn!(
                    "{wanted} cannot be written, {directory} is used instead; set TMPDIR to choose"
                );
                return Ok(environment.with(names::TMPDIR, directory.to_string()));
            }
            Err(error) => tried.push(error.to_string()),
        }
    }
    bail!(
        "no directory can be written for inputs and outputs: mount one and name it in TMPDIR (tried {})",
        tried.join("; ")
    )
}
