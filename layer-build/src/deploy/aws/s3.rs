//! Amazon S3: buckets, folders, objects and notifications.

mod notifications;

use std::path::Path;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};

use super::Services;
use super::error::{AwsError, AwsErrorKind, Context, ignore_absence};

pub use notifications::{forget, notification, notify};

/// Whether a bucket exists and the user may use it.
///
/// # Errors
/// [`AwsError`], also when it is another account's.
pub async fn exists(services: &Services, bucket: &str) -> Result<bool, AwsError> {
    match services
        .s3
        .head_bucket()
        .bucket(bucket)
        .send()
        .await
        .context(format!("look up bucket {bucket}"))
    {
        Ok(_) => Ok(true),
        Err(error) if error.kind == AwsErrorKind::Absent => Ok(false),
        Err(error) => Err(error),
    }
}

/// Creates a bucket.
///
/// # Errors
/// [`AwsError`].
pub async fn create(services: &Services, bucket: &str, region: &str) -> Result<(), AwsError> {
    let mut request = services.s3.create_bucket().bucket(bucket);
    // This region must not be named (S3 API reference, `CreateBucket`).
    if region != "us-east-1" {
        let location = BucketLocationConstraint::from(region);
        request = request.create_bucket_configuration(
            CreateBucketConfiguration::builder()
                .location_constraint(location)
                .build(),
        );
    }
    match request
        .send()
        .await
        .context(format!("create bucket {bucket}"))
    {
        Err(error) if error.kind != AwsErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Whether an object exists.
///
/// # Errors
/// [`AwsError`].
pub async fn has(services: &Services, bucket: &str, key: &str) -> Result<bool, AwsError> {
    let answer = services
        .s3
        .head_object()
        .bucket(bucket)
        .key(key)
        .send()
        .await;
    match answer.context(format!("look up {bucket}/{key}")) {
        Ok(_) => Ok(true),
        Err(error) if error.kind == AwsErrorKind::Absent => Ok(false),
        Err(error) => Err(error),
    }
}

/// Metadata of an object: the hash of what it was made from.
const HASH: &str = "layer-sha256";

/// The hash of what an object was made from; `None` when there is no object or it has none.
///
/// # Errors
/// [`AwsError`].
pub async fn hash(
    services: &Services,
    bucket: &str,
    key: &str,
) -> Result<Option<String>, AwsError> {
    let request = services.s3.head_object().bucket(bucket).key(key);
    match request
        .send()
        .await
        .context(format!("look up {bucket}/{key}"))
    {
        Ok(found) => Ok(found.metadata.and_then(|mut all| all.remove(HASH))),
        Err(error) if error.kind == AwsErrorKind::Absent => Ok(None),
        Err(error) => Err(error),
    }
}

/// Puts an object with the hash of what it was made from.
///
/// # Errors
/// [`AwsError`].
pub async fn put_hashed(
    services: &Services,
    bucket: &str,
    key: &str,
    content: Vec<u8>,
    hash: &str,
) -> Result<(), AwsError> {
    let request = services
        .s3
        .put_object()
        .bucket(bucket)
        .key(key)
        .metadata(HASH, hash)
        .body(content.into());
    request
        .send()
        .await
        .context(format!("write {bucket}/{key}"))
        .map(drop)
}

/// Puts an object.
///
/// # Errors
/// [`AwsError`].
pub async fn put(
    services: &Services,
    bucket: &str,
    key: &str,
    content: ByteStream,
) -> Result<(), AwsError> {
    let request = services
        .s3
        .put_object()
        .bucket(bucket)
        .key(key)
        .body(content);
    request
        .send()
        .await
        .context(format!("write {bucket}/{key}"))
        .map(drop)
}

/// Puts a file.
///
/// # Errors
/// [`AwsError`].
pub async fn put_file(
    services: &Services,
    bucket: &str,
    key: &str,
    path: &Path,
) -> Result<(), AwsError> {
    let content = ByteStream::from_path(path).await;
    let content = content
        .map_err(|error| AwsError::new(format!("read {}", path.display()), error.to_string()))?;
    put(services, bucket, key, content).await
}

/// Reads an object into a file.
///
/// # Errors
/// [`AwsError`].
pub async fn get_file(
    services: &Services,
    bucket: &str,
    key: &str,
    path: &Path,
) -> Result<(), AwsError> {
    let what = format!("read {bucket}/{key}");
    let answer = services
        .s3
        .get_object()
        .bucket(bucket)
        .key(key)
        .send()
        .await
        .context(&what)?;
    let failed = |error: std::io::Error| {
        AwsError::new(format!("write {}", path.display()), error.to_string())
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut file = tokio::fs::File::create(path).await.map_err(failed)?;
    tokio::io::copy(&mut answer.body.into_async_read(), &mut file)
        .await
        .map_err(failed)?;
    Ok(())
}

/// The keys below a prefix, in order.
///
/// # Errors
/// [`AwsError`].
pub async fn list(
    services: &Services,
    bucket: &str,
    prefix: &str,
) -> Result<Vec<String>, AwsError> {
    let mut pages = services
        .s3
        .list_objects_v2()
        .bucket(bucket)
        .prefix(prefix)
        .into_paginator()
        .send();
    let mut keys = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.context(format!("list bucket {bucket}"))?;
        keys.extend(
            page.contents
                .unwrap_or_default()
                .into_iter()
                .filter_map(|object| object.key),
        );
    }
    Ok(keys)
}

/// Removes an object.
///
/// # Errors
/// [`AwsError`].
pub async fn remove(services: &Services, bucket: &str, key: &str) -> Result<(), AwsError> {
    let request = services.s3.delete_object().bucket(bucket).key(key);
    ignore_absence(
        request
            .send()
            .await
            .context(format!("remove {bucket}/{key}")),
    )
}
