//! Objects in Amazon S3 and in stores that speak its protocol (`MinIO` and others).
//!
//! [`download`] fetches ranges in parallel, [`upload`] sends parts in parallel; both keep no more than a few hundred
//! kilobytes per request in memory. Needs `s3:GetObject` and `s3:PutObject` only.

mod classify;
mod download;
mod first;
mod upload;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use aws_sdk_s3::Client;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use super::error::{Operation, StorageError, Target};
use super::{Download, ObjectStore, Progress};
use config::location::{Bucket, Key};

/// Requests with a body in flight at once, over all files. Measured: small objects gain up to here, and it stays far
/// below the 1,024 file descriptors of a Lambda function.
const REQUESTS: usize = 32;
/// Ranges or parts of one large object in flight at once.
const PER_OBJECT: usize = 8;
/// Bytes of a download's first range and the fewest of any other.
const RANGE: u64 = 8 * 1024 * 1024;

/// One storage provider's S3 client.
#[derive(Debug)]
pub struct S3Store {
    provider: String,
    client: Client,
    requests: Arc<Semaphore>,
    /// Aborts of uploads that were dropped in the middle.
    aborts: Mutex<JoinSet<()>>,
}

impl S3Store {
    /// Wraps a client; `provider` is what error messages call it.
    pub fn new(provider: impl Into<String>, client: Client) -> Self {
        Self {
            provider: provider.into(),
            client,
            requests: Arc::new(Semaphore::new(REQUESTS)),
            aborts: Mutex::default(),
        }
    }

    fn target(&self, operation: Operation, bucket: &Bucket, key: &Key) -> Target {
        Target::new(operation, bucket, key, &self.provider)
    }

    fn aborts(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.aborts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn among the requests in flight. `None` cannot happen: the semaphore is never closed.
    async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.requests).acquire_owned().await.ok()
    }
}

#[async_trait]
impl ObjectStore for S3Store {
    async fn download(
        &self,
        what: &Download<'_>,
        destination: &Path,
        progress: &Progress,
    ) -> Result<u64, StorageError> {
        download::download(self, what, destination, progress).await
    }

    async fn upload(
        &self,
        file: &Path,
        bucket: &Bucket,
        key: &Key,
        content_type: &str,
        progress: &Progress,
    ) -> Result<u64, StorageError> {
        upload::upload(self, file, bucket, key, content_type, progress).await
    }

    async fn finish_clearing(&self) {
        let mut aborts = std::mem::take(&mut *self.aborts());
        while aborts.join_next().await.is_some() {}
    }
}
