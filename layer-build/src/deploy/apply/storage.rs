//! Operations about buckets and objects.

use aws_sdk_s3::primitives::ByteStream;

use crate::deploy::aws::s3;
use crate::deploy::deployment::Deployment;
use crate::deploy::error::DeployError;
use crate::deploy::plan::operation::StorageOperation;
use crate::deploy::plan::values::package_key;

pub(super) async fn carry_out(
    deployment: &Deployment,
    operation: &StorageOperation,
) -> Result<(), DeployError> {
    let (services, settings) = (&deployment.services, &deployment.settings);
    match operation {
        StorageOperation::CreateBucket(bucket) => {
            s3::create(services, bucket, &settings.s3.region).await?;
        }
        StorageOperation::CreateFolder { bucket, folder } => {
            let key = format!("{folder}/");
            s3::put(services, bucket, &key, ByteStream::from_static(b"")).await?;
        }
        StorageOperation::UploadPackage { bucket } => {
            let (package, _) = deployment.package()?;
            s3::put_file(services, bucket, &package_key(settings), package.path()).await?;
        }
        StorageOperation::UploadSupervisor => {
            let job = deployment.job()?;
            let content = deployment.layer()?.supervisor()?;
            s3::put_hashed(
                services,
                &job.bucket,
                &job.supervisor_key,
                content,
                &job.supervisor_hash,
            )
            .await?;
        }
    }
    Ok(())
}
