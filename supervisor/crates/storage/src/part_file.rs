//! A file that appears under its name only when it is complete.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use rootfs::space::{free_bytes, parent};
use tempfile::NamedTempFile;

use super::error::{StorageError, Target};

/// Longest part of the final name that the temporary one repeats: file systems take 255 bytes per name.
const NAME_BYTES: usize = 200;

/// A temporary sibling `.<name>.part-XXXXXX` of the file to be; removed when dropped before [`commit`](Self::commit).
pub(super) struct PartFile {
    file: NamedTempFile,
    destination: PathBuf,
}

impl PartFile {
    /// Creates the temporary sibling, readable by everybody as far as the umask allows.
    pub(super) fn create(destination: &Path) -> io::Result<Self> {
        let name = destination
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let file = tempfile::Builder::new()
            .prefix(&part_prefix(&name))
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(parent(destination))?;
        Ok(Self {
            file,
            destination: destination.to_owned(),
        })
    }

    /// The file to write to.
    pub(super) fn file(&self) -> &File {
        self.file.as_file()
    }

    /// Gives the file its name, provided it has grown to `size` bytes.
    pub(super) fn commit(self, size: u64) -> io::Result<()> {
        let written = self.file.as_file().metadata()?.len();
        if written != size {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("{written} bytes of {size} were written"),
            ));
        }
        self.file
            .persist(&self.destination)
            .map_err(|error| error.error)?;
        Ok(())
    }
}

/// What the temporary name of a file begins with.
pub(super) fn part_prefix(name: &str) -> String {
    let (kept, _) = name.split_at(name.floor_char_boundary(NAME_BYTES));
    format!(".{kept}.part-")
}

/// Fails with [`StorageError::NoSpace`] when the file system of `destination` cannot take `needed` bytes more.
pub(super) fn ensure_space(
    target: &Target,
    destination: &Path,
    needed: u64,
) -> Result<(), StorageError> {
    let directory = parent(destination);
    match free_bytes(directory) {
        Ok(free) if free < needed => Err(no_space(target, directory, needed, free)),
        // A file system that does not tell its size is tried; a full one fails the write below.
        _ => Ok(()),
    }
}

/// The error of a failed write: a full file system is told apart from the rest.
pub(super) fn write_error(
    target: &Target,
    destination: &Path,
    needed: u64,
    source: io::Error,
) -> StorageError {
    let full = [Errno::ENOSPC, Errno::EDQUOT].map(|errno| Some(errno as i32));
    if full.contains(&source.raw_os_error()) {
        let directory = parent(destination);
        return no_space(
            target,
            directory,
            needed,
            free_bytes(directory).unwrap_or(0),
        );
    }
    StorageError::io(Box::new(target.clone()), "writing", destination, source)
}

fn no_space(target: &Target, directory: &Path, needed: u64, free: u64) -> StorageError {
    StorageError::NoSpace {
        target: Box::new(target.clone()),
        needed,
        free,
        path: directory.to_owned(),
    }
}
