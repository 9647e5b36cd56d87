//! Steps about jobs.

use super::job;
use crate::deploy::aws::{batch, ec2, secret};
use crate::deploy::deployment::Deployment;
use crate::deploy::error::DeployError;
use crate::deploy::plan::Work;

pub(super) async fn jobs(deployment: &mut Deployment, work: &Work) -> Result<(), DeployError> {
    let job = job(deployment)?.clone();
    let (services, settings, patience) = (
        &deployment.services,
        &deployment.settings,
        deployment.patience,
    );
    let name = &settings.function.name;
    match work {
        Work::Secret => {
            secret::write(services, name, job.secret.as_deref().unwrap_or_default()).await?;
        }
        Work::LaunchTemplate => {
            let version = ec2::create(
                services,
                &job.template,
                deployment.observed.batch.template_exists,
            )
            .await?;
            deployment.observed.batch.template_version = Some(version);
        }
        Work::ComputeEnvironment => {
            let version = deployment.observed.batch.template_version.as_deref();
            batch::ensure_environment(
                services,
                settings,
                &deployment.observed.account.id,
                version,
                patience,
            )
            .await?;
        }
        Work::JobQueue => batch::ensure_queue(services, settings, patience).await?,
        _ => batch::register(services, name, &job.definition).await?,
    }
    Ok(())
}
