//! Which functions a bucket notifies.

use crate::deploy::aws::error::{AwsError, AwsErrorKind, ignore_absence};
use crate::deploy::aws::{Services, WaitPolicy};
use crate::deploy::notification::{self, Entry};

/// The notification configuration as S3 sends it.
///
/// # Errors
/// [`AwsError`].
pub async fn notification(services: &Services, bucket: &str) -> Result<String, AwsError> {
    let what = format!("read the notifications of bucket {bucket}");
    services.s3_notifications.notifications(&what, bucket).await
}

/// Makes new files in the entries' folders start the function; entries of other functions stay. S3 checks that it may call the
/// function, and a new permission takes a moment until S3 knows it.
///
/// # Errors
/// [`AwsError`].
pub async fn notify(
    services: &Services,
    bucket: &str,
    function: &str,
    entries: &[Entry<'_>],
    wait: WaitPolicy,
) -> Result<(), AwsError> {
    let what = format!("have bucket {bucket} notify the function");
    wait.wait(
        &format!("bucket {bucket} to be allowed to call the function"),
        || async {
            let current = notification(services, bucket).await?;
            let wanted = notification::merge(&current, function, entries);
            let client = &services.s3_notifications;
            match client.put_notifications(&what, bucket, wanted).await {
                Ok(()) => Ok(Some(())),
                Err(error) if error.kind == AwsErrorKind::DestinationNotAllowed => Ok(None),
                Err(error) => Err(error),
            }
        },
    )
    .await
}

/// Removes the function's entries from a bucket's notifications. A bucket that does not exist has none.
///
/// # Errors
/// [`AwsError`].
pub async fn forget(services: &Services, bucket: &str, function: &str) -> Result<(), AwsError> {
    let current = match notification(services, bucket).await {
        Err(error) if error.kind == AwsErrorKind::Absent => return Ok(()),
        current => current?,
    };
    let kept = notification::remove(&current, function);
    if kept == current {
        return Ok(());
    }
    let what = format!("take the function out of the notifications of bucket {bucket}");
    let client = &services.s3_notifications;
    ignore_absence(client.put_notifications(&what, bucket, kept).await)
}
