//! Steps about buckets and what is in them.

use aws_sdk_s3::primitives::ByteStream;

use super::{job, layer};
use crate::deploy::aws::s3;
use crate::deploy::deployment::Deployment;
use crate::deploy::error::DeployError;
use crate::deploy::package::Route;
use crate::deploy::plan::Work;
use crate::deploy::plan::deploy::{entries, function_arn, package_key};

pub(super) async fn storage(deployment: &Deployment, work: &Work) -> Result<(), DeployError> {
    let (services, settings) = (&deployment.services, &deployment.settings);
    match work {
        Work::Bucket(bucket) => s3::create(services, bucket, &settings.s3.region).await?,
        Work::Folder(bucket, folder) => {
            s3::put(
                services,
                bucket,
                &format!("{folder}/"),
                ByteStream::from_static(b""),
            )
            .await?;
        }
        Work::Package => {
            if let Some((package, Route::Bucket(bucket))) = &deployment.package {
                s3::put_file(services, bucket, &package_key(settings), package.path()).await?;
            }
        }
        Work::JobSupervisor => {
            let (bucket, job) = (
                deployment.bucket.as_deref().unwrap_or_default(),
                job(deployment)?,
            );
            let content = layer(deployment)?.supervisor()?;
            let (key, hash) = (&job.supervisor_key, &job.supervisor_hash);
            s3::put_hashed(services, bucket, key, content, hash).await?;
        }
        Work::Notification(bucket) => {
            let arn = function_arn(settings, &deployment.observed.account.id);
            s3::notify(
                services,
                bucket,
                &arn,
                &entries(settings, &arn, bucket),
                deployment.patience,
            )
            .await?;
        }
        _ => {}
    }
    Ok(())
}
