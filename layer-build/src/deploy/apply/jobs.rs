//! Steps about jobs.

use super::job;
use crate::deploy::aws::{batch, ec2, secret};
use crate::deploy::deployment::Deployment;
use crate::deploy::error::DeployError;
use crate::deploy::plan::{Step, Work};

pub(super) async fn jobs(deployment: &mut Deployment, step: &Step) -> Result<(), DeployError> {
    let job = job(deployment)?.clone();
    let (services, settings, patience) = (
        &deployment.services,
        &deployment.settings,
        deployment.patience,
    );
    let name = &settings.function.name;
    match &step.work {
        Work::Secret => {
            secret::write(services, name, job.secret.as_deref().unwrap_or_default()).await?;
        }
        Work::LaunchTemplate => {
            // All functions share it: another one's deployment may just have made what is wanted.
            let version = match ec2::observe(services, &job.template).await? {
                (Some(version), _) => version,
                (None, exists) => ec2::create(services, &job.template, exists).await?,
            };
            deployment.observed.batch.template_version = Some(version);
        }
        Work::ComputeEnvironment => {
            let version = deployment.observed.batch.template_version.as_deref();
            let account = &deployment.observed.account.id;
            batch::create_environment(services, settings, account, version, patience).await?;
        }
        Work::ChangeEnvironment => {
            let version = deployment.observed.batch.template_version.as_deref();
            let account = &deployment.observed.account.id;
            let changes = step.changes.iter();
            let keys: Vec<_> = changes.map(|change| change.key.as_str()).collect();
            batch::change_environment(services, settings, account, version, &keys, patience)
                .await?;
        }
        Work::JobQueue => batch::ensure_queue(services, settings, patience).await?,
        _ => batch::register(services, name, &job.definition).await?,
    }
    Ok(())
}
