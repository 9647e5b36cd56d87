//! The first request of a download, which tells all about the object: no `HeadObject` before it.

use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::builders::GetObjectFluentBuilder;
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::types::ChecksumMode;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::classify::{classify, is_unsatisfiable_range};
use super::{RANGE, S3Store};
use crate::{
    Download,
    error::{StorageError, Target},
};

type GetError = SdkError<GetObjectError, HttpResponse>;

/// The first request: a range where the object may be large, the whole object where the event says that it is
/// small (S3 sends a checksum then, which the SDK verifies) and where it turns out to be empty.
pub(super) async fn first_answer(
    store: &S3Store,
    what: &Download<'_>,
    target: &Target,
) -> Result<(GetObjectOutput, Option<String>), StorageError> {
    let wanted = what.version.map(str::to_owned);
    let error = match beginning(store, what, wanted.clone()).await {
        Ok(output) => return Ok((output, wanted)),
        Err(error) => classify(target, &error),
    };
    if !matches!(error, StorageError::AccessDenied { .. }) || wanted.is_none() {
        return Err(error);
    }
    // Reading a version by its identifier takes s3:GetObjectVersion. Mostly it is the latest one, which
    // s3:GetObject is enough for.
    tracing::debug!(object = %target, "the version may not be read by its identifier: trying the latest");
    match beginning(store, what, None).await {
        Ok(output) if output.version_id == wanted => Ok((output, None)),
        _ => Err(error),
    }
}

async fn beginning(
    store: &S3Store,
    what: &Download<'_>,
    version: Option<String>,
) -> Result<GetObjectOutput, GetError> {
    let whole = || {
        let request = request(store, what).set_version_id(version.clone());
        request.checksum_mode(ChecksumMode::Enabled).send()
    };
    if what.size_hint.is_some_and(|size| size <= RANGE) {
        return whole().await;
    }
    let range = format!("bytes=0-{}", RANGE - 1);
    let first = request(store, what)
        .set_version_id(version.clone())
        .range(range);
    match first.send().await {
        Err(error) if is_unsatisfiable_range(&error) => whole().await,
        result => result,
    }
}

/// A request for the object, any version of it, all of it.
pub(super) fn request(store: &S3Store, what: &Download<'_>) -> GetObjectFluentBuilder {
    store
        .client
        .get_object()
        .bucket(what.bucket.as_str())
        .key(what.key.as_str())
}
