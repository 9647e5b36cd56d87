//! What the machine of a job is like.

use std::path::PathBuf;

use anyhow::bail;
use container::owned_dir::{OwnedDir, sweep};
use environment::{self as names, Environment};

/// The runner of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JobRunner {
    /// AWS Batch.
    Batch,
    /// Any other: Kubernetes, a queueing system, a person.
    Other,
}

impl JobRunner {
    /// The runner, recognised by the job's variables.
    pub(super) fn of(environment: &Environment) -> Self {
        match environment.get(names::AWS_BATCH_JOB_ID) {
            Some(_) => Self::Batch,
            None => Self::Other,
        }
    }
}

/// A directory for the job, and the environment with `TMPDIR` set to where it could be made: the directory it names, else
/// the first of the usual ones. A container whose root is read-only mostly has a `/dev/shm` (Docker and Kubernetes mount
/// one).
pub(super) fn make_room(environment: Environment) -> anyhow::Result<(Environment, OwnedDir)> {
    let wanted = environment.temp_dir();
    let here = std::env::current_dir().unwrap_or_default();
    let usual = ["/var/tmp", "/dev/shm"].into_iter().map(PathBuf::from);
    let mut tried = Vec::new();
    for directory in [wanted.clone()].into_iter().chain(usual).chain([here]) {
        sweep(&directory);
        match OwnedDir::create(&directory, "job-") {
            Ok(room) if directory == wanted => return Ok((environment, room)),
            Ok(room) => {
                let (wanted, directory) = (wanted.display(), directory.display());
                tracing::warn!(
                    "{wanted} cannot be written, {directory} is used instead; set TMPDIR to choose"
                );
                let environment = environment.with(names::TMPDIR, directory.to_string());
                return Ok((environment, room));
            }
            Err(error) => tried.push(error.to_string()),
        }
    }
    bail!(
        "no directory can be written for inputs and outputs: mount one and name it in TMPDIR (tried {})",
        tried.join("; ")
    )
}
