//! Why a record cannot be delegated.

use std::path::PathBuf;

use thiserror::Error;

use storage::StorageError;

/// Why there is no job.
#[derive(Debug, Error)]
pub enum DelegationError {
    /// The function has no name.
    #[error(
        "cannot delegate to AWS Batch: the function has no name, which is also that of its job definition and queue"
    )]
    NoName,
    /// The event has to go through an object, and there is no bucket for it.
    #[error(
        "cannot delegate to AWS Batch: {why}, so it has to go through an object; set batch.event_path (bucket/folder) or \
         deployment.bucket to a bucket that the function may write to"
    )]
    NoEventPath {
        /// Why it has to.
        why: String,
    },
    /// The script for the job cannot be read.
    #[error("cannot delegate to AWS Batch: init_script {path} cannot be read: {source}")]
    Script {
        /// The script.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The object with the event could not be made.
    #[error("cannot delegate to AWS Batch, the event does not arrive: {0}")]
    Storage(#[from] StorageError),
    /// A file of the workspace, or a name made of the configuration, cannot be used.
    #[error("cannot delegate to AWS Batch: {0}")]
    Local(String),
    /// Batch refused the job.
    #[error("cannot submit a job to AWS Batch (definition and queue {function}): {detail}{hint}")]
    Submit {
        /// The function's name.
        function: String,
        /// What the service or the network said.
        detail: String,
        /// What to do next.
        hint: &'static str,
    },
}
