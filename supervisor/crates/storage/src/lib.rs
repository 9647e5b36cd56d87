//! Object stores: one trait, one adapter per kind of store, and the names of what they hold.
//!
//! Stage in downloads through [`ObjectStore`], stage out uploads through it; [`Stores`] says which
//! store serves which storage provider of the configuration.

mod client;
mod content_range;
pub mod error;
mod file_slice;
pub mod local;
pub mod onedata;
mod part_file;
pub mod provider;
mod retry;
pub mod s3;
mod source_file;
mod web;
pub mod webdav;

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

pub use config::location::{Bucket, Key};
pub use error::{Operation, Protocol, StorageError, Target};
pub use provider::{AwsSettings, StoreSettings, Stores};

/// A place that holds objects in buckets.
#[async_trait]
pub trait ObjectStore: Send + Sync + Debug {
    /// Copies an object to `destination` and answers its size in bytes. The file appears under that
    /// name only when it is complete; after an error (or when the future is dropped) nothing is left.
    ///
    /// # Errors
    /// [`StorageError`] when the object cannot be read or the file cannot be written.
    async fn download(
        &self,
        what: &Download<'_>,
        destination: &Path,
        progress: &Progress,
    ) -> Result<u64, StorageError>;

    /// Copies a file to an object and answers its size in bytes. The object appears only when it is
    /// complete. `file` is opened without following a symlink and must be a regular file.
    ///
    /// # Errors
    /// [`StorageError`] when the file cannot be read or the store does not take it.
    async fn upload(
        &self,
        file: &Path,
        bucket: &Bucket,
        key: &Key,
        content_type: &str,
        progress: &Progress,
    ) -> Result<u64, StorageError>;

    /// Waits for what interrupted transfers still have to clear away in the store, such as the parts of an upload. To be
    /// called before the process ends: what goes on in the background ends with it.
    async fn finish_clearing(&self) {}
}

/// Which object to download.
#[derive(Debug, Clone, Copy)]
pub struct Download<'a> {
    /// The bucket that holds it.
    pub bucket: &'a Bucket,
    /// Its key.
    pub key: &'a Key,
    /// The version the event spoke of; `None` is the latest.
    pub version: Option<&'a str>,
    /// Size in bytes as the event told it. Only chooses how to fetch: a wrong hint costs time, never bytes.
    pub size_hint: Option<u64>,
}

/// Counts the bytes that have arrived, for a progress bar; clones share one count.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    arrived: AtomicU64,
    expected: AtomicU64,
}

impl Progress {
    /// Counts `bytes` more.
    pub fn add(&self, bytes: u64) {
        self.0.arrived.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes counted so far.
    pub fn bytes(&self) -> u64 {
        self.0.arrived.load(Ordering::Relaxed)
    }

    /// Bytes that are known to be on their way, those that have arrived included. More may follow:
    /// the size of a transfer is known when it begins.
    pub fn expected(&self) -> u64 {
        self.0.expected.load(Ordering::Relaxed)
    }

    /// A transfer of `bytes` begins.
    fn expect(&self, bytes: u64) {
        self.0.expected.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes that arrived damaged and will be fetched again.
    fn take_back(&self, bytes: u64) {
        self.0.arrived.fetch_sub(bytes, Ordering::Relaxed);
    }
}
