//! Operations about what runs the function's jobs.

use crate::deploy::aws::{batch, ec2, secret};
use crate::deploy::deployment::Deployment;
use crate::deploy::error::DeployError;
use crate::deploy::plan::operation::JobOperation;

pub(super) async fn carry_out(
    deployment: &mut Deployment,
    operation: &JobOperation,
) -> Result<(), DeployError> {
    let (services, settings) = (&deployment.services, &deployment.settings);
    let (name, wait) = (&settings.function.name, deployment.wait);
    let account = &deployment.observed.account.id;
    let version = deployment.observed.batch.template_version.as_deref();
    match operation {
        JobOperation::WriteSecret => {
            secret::write(services, name, deployment.job()?.secret()?).await?;
        }
        JobOperation::CreateLaunchTemplate => {
            let template = &deployment.job()?.template;
            // All functions share the template: another deployment may just have created the version.
            let version = match ec2::observe(services, template).await? {
                (Some(version), _) => version,
                (None, exists) => ec2::create(services, template, exists).await?,
            };
            deployment.observed.batch.template_version = Some(version);
        }
        JobOperation::CreateEnvironment => {
            batch::create_environment(services, settings, account, version, wait).await?;
        }
        JobOperation::ChangeEnvironment { keys } => {
            batch::change_environment(services, settings, account, version, keys, wait).await?;
        }
        JobOperation::EnsureQueue => batch::ensure_queue(services, settings, wait).await?,
        JobOperation::RegisterDefinition => {
            batch::register(services, name, &deployment.job()?.definition).await?;
        }
    }
    Ok(())
}
