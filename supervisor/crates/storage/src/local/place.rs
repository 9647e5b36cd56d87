//! Where a key lives below the store's directory, and that it stays there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{StorageError, Target};

/// Where a key lives below the store's directory.
pub(super) struct Place {
    pub(super) root: PathBuf,
    pub(super) target: Target,
}

/// What a key names.
pub(super) enum Found {
    File(PathBuf),
    /// A key with a slash at its end names a directory: the empty object that S3's console makes for a folder.
    Marker,
}

impl Place {
    fn io(&self, action: &'static str, path: &Path, source: io::Error) -> StorageError {
        StorageError::io(Box::new(self.target.clone()), action, path, source)
    }

    /// The real directory of the bucket, which must be in the store.
    fn bucket(&self) -> Result<PathBuf, StorageError> {
        let root = fs::canonicalize(&self.root)
            .map_err(|error| self.io("opening the local store", &self.root, error))?;
        let directory = root.join(self.target.bucket.as_str());
        match fs::canonicalize(&directory) {
            Ok(real) if !real.starts_with(&root) => Err(self.escape()),
            Ok(real) if real.is_dir() => Ok(real),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(self.io("opening", &directory, error))
            }
            _ => Err(StorageError::NoSuchBucket {
                target: Box::new(self.target.clone()),
            }),
        }
    }

    fn escape(&self) -> StorageError {
        let reason = "a symlink on its path leaves the local store";
        StorageError::UnusableKey {
            target: Box::new(self.target.clone()),
            reason,
        }
    }

    /// The key as path components; none of them can climb.
    fn components(&self) -> Result<Vec<&str>, StorageError> {
        let key = self.target.key.as_str();
        let components: Vec<&str> = key.strip_suffix('/').unwrap_or(key).split('/').collect();
        if components
            .iter()
            .any(|part| matches!(*part, "" | "." | ".."))
        {
            let reason = "the local store keeps keys as paths, which cannot begin with '/' or hold an empty \
                          component, '.' or '..'";
            return Err(StorageError::UnusableKey {
                target: Box::new(self.target.clone()),
                reason,
            });
        }
        Ok(components)
    }

    /// Finds the object; symlinks are followed within the bucket only.
    pub(super) fn existing(&self) -> Result<Found, StorageError> {
        let bucket = self.bucket()?;
        let mut path = bucket.clone();
        path.extend(self.components()?);
        let missing = || StorageError::NotFound {
            target: Box::new(self.target.clone()),
        };
        let real = fs::canonicalize(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => missing(),
            _ => self.io("opening", &path, error),
        })?;
        if !real.starts_with(&bucket) {
            return Err(self.escape());
        }
        match (real.is_dir(), self.target.key.as_str().ends_with('/')) {
            (true, true) => Ok(Found::Marker),
            (false, false) => Ok(Found::File(real)),
            _ => Err(missing()),
        }
    }

    /// The path to write the object to; its directories are made.
    pub(super) fn writable(&self) -> Result<PathBuf, StorageError> {
        let bucket = self.bucket()?;
        if self.target.key.as_str().ends_with('/') {
            let reason = "the local store cannot write an object whose key ends with '/'";
            return Err(StorageError::UnusableKey {
                target: Box::new(self.target.clone()),
                reason,
            });
        }
        let components = self.components()?;
        let Some((name, directories)) = components.split_last() else {
            return Err(StorageError::NotFound {
                target: Box::new(self.target.clone()),
            });
        };
        let mut path = bucket.clone();
        for directory in directories {
            path.push(directory);
            match fs::create_dir(&path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(self.io("creating", &path, error));
                }
                _ => {}
            }
            path = fs::canonicalize(&path).map_err(|error| self.io("opening", &path, error))?;
            if !path.starts_with(&bucket) {
                return Err(self.escape());
            }
        }
        Ok(path.join(name))
    }
}
