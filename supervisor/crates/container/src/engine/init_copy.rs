//! A copy of this binary for containers to run as their first process.
//!
//! A container may run as the host's root and see what is bound as the host has it, so it could
//! remove or change the file: it gets one of its own, looked at again before each run.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Mutex,
};

use crate::{owned_dir::OwnedDir, shim::argv0::INIT_NAME};

/// Makes the copy when it is first needed, and again when it is not what it was.
#[derive(Debug, Default)]
pub struct InitCopy(Mutex<Option<Made>>);

#[derive(Debug)]
struct Made {
    directory: OwnedDir,
    identity: Identity,
}

/// What changes when the file is written, replaced or has its mode changed.
#[derive(Debug, PartialEq, Eq)]
struct Identity {
    inode: u64,
    size: u64,
    mode: u32,
    changed: (i64, i64),
}

impl Identity {
    fn of(path: &Path) -> io::Result<Self> {
        let meta = fs::symlink_metadata(path)?;
        Ok(Self {
            inode: meta.ino(),
            size: meta.size(),
            mode: meta.mode(),
            changed: (meta.ctime(), meta.ctime_nsec()),
        })
    }
}

impl InitCopy {
    /// The path of the copy of `supervisor`, in a directory of its own below `temp`.
    ///
    /// # Errors
    /// The operating system's, from copying.
    pub fn path(&self, supervisor: &Path, temp: &Path) -> io::Result<PathBuf> {
        let poisoned = |_| io::Error::other("another run failed while copying the supervisor");
        let mut made = self.0.lock().map_err(poisoned)?;
        if let Some(made) = made.as_ref() {
            let path = made.directory.path().join(INIT_NAME);
            if Identity::of(&path).is_ok_and(|now| now == made.identity) {
                return Ok(path);
            }
        }
        let directory = OwnedDir::create(temp, "init-")?;
        let path = directory.path().join(INIT_NAME);
        fs::copy(supervisor, &path)?;
        // Writable by its owner: proot playing root would make it so for the moment of executing
        // it, and the file would look changed after each run.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        let identity = Identity::of(&path)?;
        *made = Some(Made {
            directory,
            identity,
        });
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_that_was_tampered_with_is_made_again() {
        let temp = tempfile::tempdir().unwrap();
        let original = temp.path().join("supervisor");
        fs::write(&original, "program").unwrap();
        let copies = InitCopy::default();
        let first = copies.path(&original, temp.path()).unwrap();
        assert_eq!(copies.path(&original, temp.path()).unwrap(), first);
        fs::remove_file(&first).unwrap();
        fs::write(&first, "malice").unwrap();
        let second = copies.path(&original, temp.path()).unwrap();
        assert_eq!(fs::read_to_string(&second).unwrap(), "program");
        assert_eq!(fs::read_to_string(&original).unwrap(), "program");
    }
}
