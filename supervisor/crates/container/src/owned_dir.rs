//! Temporary directories that are removed with their owner, or, where that was killed, by the next supervisor that starts.
//!
//! A file in the directory is locked for as long as its owner lives: the kernel gives the lock back with the process, however
//! that ends. Only who gets the lock removes the directory. Its name and its age say nothing.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use nix::{
    fcntl::{Flock, FlockArg},
    libc,
    unistd::Uid,
};
use rootfs::{remove_any, remove_tree};
use tempfile::TempDir;

/// What the names of these directories begin with.
const PREFIX: &str = "faas-";
/// Name of the locked file. Directories without it are left alone: they are somebody's who has not asked for their removal.
const OWNER: &str = ".faas-owner";
/// How often a new directory may be taken for an abandoned one before its file is locked.
const ATTEMPTS: usize = 16;

/// A directory and its lock.
#[derive(Debug)]
pub struct OwnedDir {
    directory: TempDir,
    // Given back after the directory is gone, or with the process. None where the file system knows no locks.
    _lock: Option<Flock<File>>,
}

impl OwnedDir {
    /// Makes one below `parent`, readable by this user only, with a name that begins with `faas-` and `kind`.
    ///
    /// # Errors
    /// The operating system's.
    pub fn create(parent: &Path, kind: &str) -> io::Result<Self> {
        let mut last = io::Error::from(io::ErrorKind::WouldBlock);
        for _attempt in 0..ATTEMPTS {
            let directory = tempfile::Builder::new()
                .prefix(&format!("{PREFIX}{kind}"))
                .permissions(fs::Permissions::from_mode(0o700))
                .tempdir_in(parent)?;
            match lock(directory.path(), OpenOptions::new().create_new(true)) {
                Ok(lock) => {
                    return Ok(Self {
                        directory,
                        _lock: Some(lock),
                    });
                }
                // Another supervisor sweeps at this moment, and takes it for an abandoned one.
                Err(error) if is_taken(&error) => last = error,
                // Without its file nobody sweeps it.
                Err(error) => {
                    tracing::debug!(%error, "a directory for this process alone cannot be locked");
                    let _there_is_none = fs::remove_file(directory.path().join(OWNER));
                    return Ok(Self {
                        directory,
                        _lock: None,
                    });
                }
            }
        }
        Err(last)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Removes it, also what a container has made unreadable.
    ///
    /// # Errors
    /// The operating system's, where something is left.
    pub fn close(self) -> io::Result<()> {
        remove(self.path());
        if self.path().exists() {
            return self.directory.close();
        }
        let _gone = self.directory.keep();
        Ok(())
    }

    #[cfg(test)]
    fn abandon(self) {
        let _left = self.directory.keep();
    }
}

/// Removes every directory of this kind below `parent` that belongs to this user and whose owner is gone; how many those were.
pub fn sweep(parent: &Path) -> usize {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let named = entries.filter(|entry| {
        let name = entry.file_name();
        name.as_encoded_bytes().starts_with(PREFIX.as_bytes())
    });
    let abandoned = named.filter(|entry| {
        let path = entry.path();
        let is_ours = fs::symlink_metadata(&path)
            .is_ok_and(|of| of.is_dir() && of.uid() == Uid::effective().as_raw());
        let lock = is_ours.then(|| lock(&path, &mut OpenOptions::new()));
        // Held until it is removed: no other supervisor does the same meanwhile.
        lock.is_some_and(|lock| {
            lock.is_ok_and(|_held| {
                remove(&path);
                !path.exists()
            })
        })
    });
    abandoned.count()
}

/// Empties the directory, and removes its file last: a process that is killed before that leaves a directory that a sweep
/// recognizes.
fn remove(path: &Path) {
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.file_name() != OWNER {
            let _its_presence_tells = remove_any(&entry.path());
        }
    }
    let mut left = fs::read_dir(path).into_iter().flatten().flatten();
    if left.all(|entry| entry.file_name() == OWNER) {
        remove_tree(path);
    }
}

/// Whether another process has the lock, or has removed the directory.
fn is_taken(error: &io::Error) -> bool {
    use io::ErrorKind::{AlreadyExists, NotFound, WouldBlock};
    matches!(error.kind(), AlreadyExists | NotFound | WouldBlock)
}

/// The lock of the directory at `path`.
fn lock(path: &Path, options: &mut OpenOptions) -> io::Result<Flock<File>> {
    let file = options
        .read(true)
        .write(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path.join(OWNER))?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let locked = Flock::lock(file, FlockArg::LockExclusiveNonblock)
        .map_err(|(_, error)| io::Error::from(error))?;
    // Who had the lock until now may have removed the file, and the directory with it.
    if locked.metadata()?.nlink() == 0 {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(locked)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn a_directory_that_is_being_made_is_not_swept() {
        let (temp, done) = (tempfile::tempdir().unwrap(), AtomicBool::new(false));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        sweep(temp.path());
                    }
                });
            }
            let made: Vec<_> = (0..3)
                .map(|_| {
                    scope.spawn(|| {
                        (0..500).all(|_| {
                            let dir = OwnedDir::create(temp.path(), "").unwrap();
                            let is_there = dir.path().join(OWNER).exists();
                            dir.close().is_ok() && is_there
                        })
                    })
                })
                .collect();
            let all: Vec<bool> = made.into_iter().map(|made| made.join().unwrap()).collect();
            done.store(true, Ordering::Relaxed);
            assert_eq!(all, [true; 3]);
        });
    }

    #[test]
    fn what_has_an_owner_stays_and_what_has_none_goes() {
        let temp = tempfile::tempdir().unwrap();
        let owned = OwnedDir::create(temp.path(), "").unwrap();
        let abandoned = OwnedDir::create(temp.path(), "job-").unwrap();
        let of_nobody = abandoned.path().to_owned();
        fs::create_dir_all(of_nobody.join("0/output")).unwrap();
        // As it is left by a process that is killed: its descriptors are closed.
        abandoned.abandon();
        let foreign = temp.path().join("faas-project");
        fs::create_dir(&foreign).unwrap();
        assert_eq!(sweep(temp.path()), 1);
        assert!(!of_nobody.exists());
        for stays in [owned.path(), &foreign] {
            assert!(stays.exists(), "{}", stays.display());
        }
        let path = owned.path().to_owned();
        owned.close().unwrap();
        assert!(!path.exists());
    }
}
