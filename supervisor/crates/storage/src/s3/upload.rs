//! One file into one object: in one request when small, in parallel parts when large.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::abort_multipart_upload::AbortMultipartUploadError;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::classify::classify;
use super::{PER_OBJECT, S3Store};
use crate::{
    Progress,
    error::{Operation, StorageError, Target},
    file_slice::FileSlice,
    source_file::open_regular,
};
use config::location::{Bucket, Key};

/// Largest file sent in one request, and the smallest part of a larger one, in bytes.
const PART: u64 = 16 * 1024 * 1024;
/// Most parts of one object (S3 user guide, "Amazon S3 multipart upload limits").
const MAX_PARTS: u64 = 10_000;

/// See [`ObjectStore::upload`](crate::ObjectStore::upload).
pub(super) async fn upload(
    store: &S3Store,
    path: &Path,
    bucket: &Bucket,
    key: &Key,
    content_type: &str,
    progress: &Progress,
) -> Result<u64, StorageError> {
    let target = store.target(Operation::Upload, bucket, key);
    let (file, size) = open_regular(path, &target)?;
    progress.expect(size);
    let upload = Upload {
        store,
        target,
        path,
        file: Arc::new(file),
        content_type,
        progress,
    };
    if size <= PART {
        upload.in_one(size).await?;
    } else {
        upload.in_parts(size).await?;
    }
    Ok(size)
}

struct Upload<'a> {
    store: &'a S3Store,
    target: Target,
    path: &'a Path,
    file: Arc<File>,
    content_type: &'a str,
    progress: &'a Progress,
}

impl Upload<'_> {
    async fn in_one(&self, size: u64) -> Result<(), StorageError> {
        let _turn = self.store.turn().await;
        let slice = self.slice(0, size);
        let request = self.store.client.put_object();
        request
            .bucket(self.target.bucket.as_str())
            .key(self.target.key.as_str())
            .content_type(self.content_type)
            .content_length(signed(size))
            .checksum_crc32(self.checksum(&slice).await?)
            .body(ByteStream::new(slice.body()))
            .send()
            .await
            .map_err(|error| classify(&self.target, &error))?;
        self.progress.add(size);
        Ok(())
    }

    async fn in_parts(&self, size: u64) -> Result<(), StorageError> {
        let request = self.store.client.create_multipart_upload();
        let created = request
            .bucket(self.target.bucket.as_str())
            .key(self.target.key.as_str())
            .content_type(self.content_type)
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .send()
            .await
            .map_err(|error| classify(&self.target, &error))?;
        let Some(id) = created.upload_id else {
            let detail = String::from("the store gave the multipart upload no identifier");
            return Err(StorageError::Other {
                target: Box::new(self.target.clone()),
                detail,
            });
        };
        let mut unfinished = Unfinished {
            store: self.store,
            target: &self.target,
            id: Some(id.clone()),
        };
        let result = self.parts(&id, size).await;
        match &result {
            Ok(()) => unfinished.id = None,
            Err(_) => unfinished.abort().await,
        }
        result
    }

    /// Sends all parts, then has the store join them.
    async fn parts(&self, id: &str, size: u64) -> Result<(), StorageError> {
        let part_size = PART.max(size.div_ceil(MAX_PARTS));
        let starts = (0..size).step_by(usize::try_from(part_size).unwrap_or(usize::MAX));
        let mut parts: Vec<CompletedPart> = stream::iter((1..).zip(starts))
            .map(|(number, at)| self.part(id, number, self.slice(at, part_size.min(size - at))))
            .buffer_unordered(PER_OBJECT)
            .try_collect()
            .await?;
        parts.sort_by_key(|part| part.part_number);
        let request = self.store.client.complete_multipart_upload();
        request
            .bucket(self.target.bucket.as_str())
            .key(self.target.key.as_str())
            .upload_id(id)
            .multipart_upload(
                CompletedMultipartUpload::builder()
                    .set_parts(Some(parts))
                    .build(),
            )
            .send()
            .await
            .map_err(|error| classify(&self.target, &error))?;
        Ok(())
    }

    async fn part(
        &self,
        id: &str,
        number: i32,
        slice: FileSlice,
    ) -> Result<CompletedPart, StorageError> {
        let _turn = self.store.turn().await;
        let checksum = self.checksum(&slice).await?;
        let request = self.store.client.upload_part();
        let sent = request
            .bucket(self.target.bucket.as_str())
            .key(self.target.key.as_str())
            .upload_id(id)
            .part_number(number)
            .content_length(signed(slice.len))
            .checksum_crc32(&checksum)
            .body(ByteStream::new(slice.body()))
            .send()
            .await
            .map_err(|error| classify(&self.target, &error))?;
        self.progress.add(slice.len);
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(sent.e_tag)
            // Stores that know no checksums return none and refuse to be told one.
            .set_checksum_crc32(sent.checksum_crc32.map(|_| checksum))
            .build())
    }

    fn slice(&self, at: u64, len: u64) -> FileSlice {
        FileSlice {
            file: Arc::clone(&self.file),
            at,
            len,
        }
    }

    /// The CRC32 goes into a header, not a trailer: that costs reading the bytes twice, from memory, and works with
    /// every server that speaks S3.
    async fn checksum(&self, slice: &FileSlice) -> Result<String, StorageError> {
        slice.crc32().await.map_err(|error| {
            StorageError::io(Box::new(self.target.clone()), "reading", self.path, error)
        })
    }
}

/// A multipart upload whose parts cost storage until it is completed or aborted.
struct Unfinished<'a> {
    store: &'a S3Store,
    target: &'a Target,
    id: Option<String>,
}

impl Unfinished<'_> {
    async fn abort(&mut self) {
        if let Some(id) = self.id.clone() {
            abort(self.store.client.clone(), self.target.clone(), id).await;
            self.id = None;
        }
    }
}

/// Dropped in the middle, at a deadline or a signal: the abort goes on beside whatever comes next, see
/// [`crate::ObjectStore::finish_clearing`].
impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let (Some(id), Ok(runtime)) = (self.id.take(), tokio::runtime::Handle::try_current()) {
            let abort = abort(self.store.client.clone(), self.target.clone(), id);
            let mut aborts = self.store.aborts();
            while aborts.try_join_next().is_some() {}
            aborts.spawn_on(abort, &runtime);
        }
    }
}

async fn abort(client: Client, target: Target, id: String) {
    let request = client.abort_multipart_upload();
    let aborted = request
        .bucket(target.bucket.as_str())
        .key(target.key.as_str())
        .upload_id(id)
        .send()
        .await;
    if let Err(error) = aborted {
        // An abort that was interrupted may have arrived.
        let gone = error.as_service_error();
        if gone.is_some_and(AbortMultipartUploadError::is_no_such_upload) {
            return;
        }
        let error = classify(&target, &error);
        tracing::warn!(%error, "the parts of an unfinished upload could not be removed");
    }
}

/// A size as the SDK wants it. No file is larger than `i64::MAX` bytes.
fn signed(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
