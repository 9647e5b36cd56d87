//! A directory as an object store: its subdirectories are the buckets, the files below them the objects.
//!
//! Runs the whole pipeline without any account. Errors are those S3 would give, so that what works here works there.

mod place;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;

use super::error::{Operation, StorageError, Target};
use super::part_file::{PartFile, ensure_space, write_error};
use super::source_file::open_regular;
use super::{Download, ObjectInfo, ObjectStore, Progress};
use config::location::{Bucket, Key};
use place::{Found, Place};

/// Bytes copied between two looks at whether anybody still waits for the copy. The kernel copies them
/// (`copy_file_range`), sharing the blocks where the file system can.
const STEP: u64 = 64 * 1024 * 1024;

/// Objects below one directory.
#[derive(Debug, Clone)]
pub struct LocalStore {
    root: PathBuf,
    provider: String,
}

impl LocalStore {
    /// A store of the buckets in `root`; `provider` is what error messages call it.
    pub fn new(root: impl Into<PathBuf>, provider: impl Into<String>) -> Self {
        Self {
            root: root.into(),
            provider: provider.into(),
        }
    }

    fn place(&self, operation: Operation, bucket: &Bucket, key: &Key) -> Place {
        let target = Target::new(operation, bucket, key, &self.provider);
        Place {
            root: self.root.clone(),
            target,
        }
    }
}

#[async_trait]
impl ObjectStore for LocalStore {
    async fn head(
        &self,
        bucket: &Bucket,
        key: &Key,
        version: Option<&str>,
    ) -> Result<ObjectInfo, StorageError> {
        ignore_version(version);
        let place = self.place(Operation::Inspect, bucket, key);
        blocking(move |_| {
            let size = match place.existing()? {
                Found::File(path) => place.open(&path)?.1,
                Found::Marker => 0,
            };
            Ok(ObjectInfo { size, etag: None })
        })
        .await
    }

    async fn download(
        &self,
        what: &Download<'_>,
        destination: &Path,
        progress: &Progress,
    ) -> Result<u64, StorageError> {
        ignore_version(what.version);
        let place = self.place(Operation::Download, what.bucket, what.key);
        let (destination, progress) = (destination.to_owned(), progress.clone());
        blocking(move |stop| match place.existing()? {
            Found::File(path) => {
                let (source, size) = place.open(&path)?;
                place.copy(&source, size, &destination, &progress, stop)
            }
            Found::Marker => {
                let part = PartFile::create(&destination).and_then(|part| part.commit(0));
                part.map_err(|error| write_error(&place.target, &destination, 0, error))?;
                Ok(0)
            }
        })
        .await
    }

    async fn upload(
        &self,
        file: &Path,
        bucket: &Bucket,
        key: &Key,
        _content_type: &str,
        progress: &Progress,
    ) -> Result<u64, StorageError> {
        let place = self.place(Operation::Upload, bucket, key);
        let (file, progress) = (file.to_owned(), progress.clone());
        blocking(move |stop| {
            let (source, size) = open_regular(&file, &place.target)?;
            let destination = place.writable()?;
            place.copy(&source, size, &destination, &progress, stop)
        })
        .await
    }
}

/// Reading and writing at a place.
impl Place {
    fn open(&self, path: &Path) -> Result<(File, u64), StorageError> {
        open_regular(path, &self.target)
    }

    /// Copies an open file to a sibling of `destination`, then gives it the name.
    fn copy(
        &self,
        source: &File,
        size: u64,
        destination: &Path,
        progress: &Progress,
        stop: &AtomicBool,
    ) -> Result<u64, StorageError> {
        ensure_space(&self.target, destination, size)?;
        progress.expect(size);
        let failed = |error| write_error(&self.target, destination, size, error);
        let part = PartFile::create(destination).map_err(failed)?;
        loop {
            if stop.load(Ordering::Relaxed) {
                return Err(failed(io::Error::from(io::ErrorKind::Interrupted)));
            }
            let copied = io::copy(&mut source.take(STEP), &mut part.file()).map_err(failed)?;
            if copied == 0 {
                break;
            }
            progress.add(copied);
        }
        part.commit(size).map_err(failed)?;
        Ok(size)
    }
}

/// A directory holds one version of each file.
fn ignore_version(version: Option<&str>) {
    if let Some(version) = version {
        tracing::debug!(
            version,
            "the local store keeps no versions: taking the file as it is"
        );
    }
}

/// Sets the flag when the caller no longer waits.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs file work beside the runtime; the work is told when its caller is dropped.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce(&AtomicBool) -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    let stop = StopOnDrop(Arc::default());
    let flag = Arc::clone(&stop.0);
    match tokio::task::spawn_blocking(move || work(&flag)).await {
        Ok(result) => result,
        Err(error) => Err(StorageError::Provider {
            provider: String::from("local"),
            reason: format!("the copy stopped: {error}"),
        }),
    }
}
