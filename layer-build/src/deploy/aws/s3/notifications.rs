//! Which functions a bucket notifies.

use crate::deploy::aws::error::AwsError;
use crate::deploy::aws::lambda::gone;
use crate::deploy::aws::{Patience, Services};
use crate::deploy::notification::{self, Entry};

/// The notification configuration as S3 sends it.
///
/// # Errors
/// [`AwsError`].
pub async fn notification(services: &Services, bucket: &str) -> Result<String, AwsError> {
    let doing = format!("read the notifications of bucket {bucket}");
    services
        .s3_raw
        .bucket(&doing, bucket, "notification", None)
        .await
}

/// Has new files of the entries' folders start the function; others' entries stay. S3 checks that it may call the function,
/// and learns of a new permission a moment late.
///
/// # Errors
/// [`AwsError`].
pub async fn notify(
    services: &Services,
    bucket: &str,
    function: &str,
    entries: &[Entry<'_>],
    patience: Patience,
) -> Result<(), AwsError> {
    let doing = format!("have bucket {bucket} notify the function");
    patience
        .wait(
            &format!("bucket {bucket} to be allowed to call the function"),
            || async {
                let current = notification(services, bucket).await?;
                let wanted = notification::merge(&current, function, entries);
                match services
                    .s3_raw
                    .bucket(&doing, bucket, "notification", Some(wanted))
                    .await
                {
                    Ok(_) => Ok(Some(())),
                    Err(error)
                        if error
                            .detail
                            .contains("Unable to validate the following destination") =>
                    {
                        Ok(None)
                    }
                    Err(error) => Err(error),
                }
            },
        )
        .await
}

/// Takes the function's entries out of a bucket's notifications.
///
/// # Errors
/// [`AwsError`]; a bucket that is gone has none.
pub async fn forget(services: &Services, bucket: &str, function: &str) -> Result<(), AwsError> {
    let current = match notification(services, bucket).await {
        Err(error) if error.is_absence() => return Ok(()),
        current => current?,
    };
    let kept = notification::remove(&current, function);
    if kept == current {
        return Ok(());
    }
    let doing = format!("take the function out of the notifications of bucket {bucket}");
    gone(
        services
            .s3_raw
            .bucket(&doing, bucket, "notification", Some(kept))
            .await,
    )
}
