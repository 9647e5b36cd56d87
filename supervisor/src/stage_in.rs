//! Stage in: brings the input of one run into its input directory.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::plan::PlannedInput;
use storage::{Download, Progress, StorageError, Stores};

/// The input file as the container will find it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagedInput {
    /// Where it is.
    pub path: PathBuf,
    /// Its size, in bytes.
    pub bytes: u64,
}

/// Why the input did not arrive.
#[derive(Debug, Error)]
pub enum StageInError {
    /// The object could not be downloaded.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The payload could not be written.
    #[error("cannot write the event's payload to {}: {source}; check the free space there", path.display())]
    Payload {
        /// The input file to be.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Downloads the object, or writes the payload, into `dir`. `None` where the run has no input.
///
/// # Errors
/// [`StageInError`] when the input is not complete; nothing is left under its name then.
pub async fn stage_in(
    stores: &Stores,
    input: &PlannedInput,
    dir: &Path,
    progress: &Progress,
) -> Result<Option<StagedInput>, StageInError> {
    match input {
        PlannedInput::None => Ok(None),
        PlannedInput::Object { object, file_name } => {
            let path = dir.join(file_name.as_str());
            let what = Download {
                bucket: &object.bucket,
                key: &object.key,
                version: object.version_id.as_deref(),
                size_hint: object.size_hint,
            };
            let store = stores.get(&object.provider).await?;
            let bytes = store.download(&what, &path, progress).await?;
            tracing::debug!(bucket = %object.bucket, key = %object.key, bytes, "input downloaded");
            Ok(Some(StagedInput { path, bytes }))
        }
        PlannedInput::Payload { bytes, file_name } => {
            let path = dir.join(file_name.as_str());
            if let Err(source) = std::fs::write(&path, bytes) {
                let _ = std::fs::remove_file(&path);
                return Err(StageInError::Payload { path, source });
            }
            let bytes = bytes.len() as u64;
            progress.add(bytes);
            Ok(Some(StagedInput { path, bytes }))
        }
    }
}
