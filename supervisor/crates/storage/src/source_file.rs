//! Opens what is to be uploaded.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;

use super::error::{StorageError, Target};

/// Opens a regular file and tells its size. Never follows a symlink, never waits for a FIFO's other end.
pub(super) fn open_regular(path: &Path, target: &Target) -> Result<(File, u64), StorageError> {
    let io = |error| StorageError::io(Box::new(target.clone()), "opening", path, error);
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = File::options()
        .read(true)
        .custom_flags(flags.bits())
        .open(path)
        .map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    if !metadata.is_file() {
        return Err(StorageError::UnusableFile {
            target: Box::new(target.clone()),
            path: path.to_owned(),
            reason: "is not a regular file",
        });
    }
    Ok((file, metadata.len()))
}
