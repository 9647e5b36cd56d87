//! Carries a plan out, step by step. Each step converges by itself, so a plan that stopped half-way is computed and carried
//! out again, and only what is missing is done.

use std::collections::BTreeMap;

use aws_sdk_s3::primitives::ByteStream;

use super::aws::lambda::{Code, Target};
use super::aws::{AwsError, api, batch, ec2, lambda, layers, logs, s3, secret};
use super::deployment::{Deployment, JobParts};
use super::error::DeployError;
use super::layer_file::LayerFile;
use super::package::Route;
use super::plan::deploy::{
    API_STATEMENTS, CREATED_BY, CREATOR, OWNER, PACKAGE_BUCKET, bucket_statement, entries,
    function_arn, log_group_name, package_key, source_arn,
};
use super::plan::{Plan, Step, Work};
use super::report::Reporter;

/// Carries out every step of a plan.
///
/// # Errors
/// [`DeployError::Unfinished`]: what failed, what is there now, and how to go on.
pub async fn apply(
    deployment: &mut Deployment,
    plan: &Plan,
    reporter: &Reporter,
) -> Result<(), DeployError> {
    for (index, step) in plan.steps.iter().enumerate() {
        reporter.begin(step, index + 1, plan.steps.len());
        if let Err(source) = carry_out(deployment, step).await {
            return Err(unfinished(plan, index, source));
        }
    }
    Ok(())
}

/// A failure half-way: what is there now and how to go on.
pub fn unfinished(plan: &Plan, index: usize, source: DeployError) -> DeployError {
    let list = |steps: &[Step]| {
        let words: Vec<_> = steps
            .iter()
            .map(|step| format!("{} {}", step.action, step.resource))
            .collect();
        if words.is_empty() {
            "nothing".to_owned()
        } else {
            words.join(", ")
        }
    };
    let (done, left) = plan.steps.split_at(index);
    let done = format!(
        "done before that: {}; not done: {}. Correct the cause and run the same command again: it goes on from there.",
        list(done),
        list(left)
    );
    DeployError::Unfinished {
        done,
        source: Box::new(source),
    }
}

async fn carry_out(deployment: &mut Deployment, step: &Step) -> Result<(), DeployError> {
    match &step.work {
        Work::Bucket(_)
        | Work::Folder(..)
        | Work::Package
        | Work::JobSupervisor
        | Work::Notification(_) => storage(deployment, &step.work).await,
        Work::Layer
        | Work::CreateFunction
        | Work::FunctionCode
        | Work::FunctionConfiguration
        | Work::FunctionTags => function(deployment, &step.work).await,
        Work::LogGroup | Work::Retention => log_group(deployment, &step.work).await,
        Work::Api | Work::ApiPermission(_) | Work::BucketPermission(_) => {
            callers(deployment, &step.work).await
        }
        Work::Secret
        | Work::LaunchTemplate
        | Work::ComputeEnvironment
        | Work::JobQueue
        | Work::JobDefinition => jobs(deployment, &step.work).await,
        Work::RemoveNotification(bucket) => {
            let arn = function_arn(&deployment.settings, &deployment.observed.account.id);
            let statements = deployment
                .observed
                .function
                .iter()
                .flat_map(|function| function.statements.iter());
            let ids: Vec<_> = statements
                .filter(|(_, source)| **source == format!("arn:aws:s3:::{bucket}"))
                .map(|(id, _)| id.clone())
                .collect();
            super::removal::notification(
                &deployment.services,
                &deployment.settings.function.name,
                bucket,
                &arn,
                &ids,
            )
            .await
        }
        // Only a removal has these.
        _ => Ok(()),
    }
}

async fn storage(deployment: &Deployment, work: &Work) -> Result<(), DeployError> {
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
            s3::put(services, bucket, &job.supervisor_key, content.into()).await?;
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

async fn function(deployment: &mut Deployment, work: &Work) -> Result<(), DeployError> {
    if *work == Work::Layer {
        let arn = layers::publish(
            &deployment.services,
            &deployment.settings.supervisor,
            layer(deployment)?,
        )
        .await?;
        deployment.observed.layer = Some(arn);
        return Ok(());
    }
    let tags = tags(deployment);
    let (services, patience) = (&deployment.services, deployment.patience);
    let target = Target {
        settings: &deployment.settings,
        role: &deployment.observed.role,
        layer: deployment.observed.layer.as_deref(),
        tags: &tags,
    };
    let code = match &deployment.package {
        Some((package, route)) => Code::Package(package, route),
        None => Code::Image(
            deployment
                .settings
                .function
                .image
                .as_deref()
                .unwrap_or_default(),
        ),
    };
    match work {
        Work::CreateFunction => drop(lambda::create(services, &target, code, patience).await?),
        Work::FunctionCode => {
            lambda::update_code(services, &deployment.settings, code, patience).await?;
        }
        Work::FunctionConfiguration => {
            lambda::update_configuration(services, &target, patience).await?;
        }
        _ => {
            lambda::tag(
                services,
                &function_arn(&deployment.settings, &deployment.observed.account.id),
                &tags,
            )
            .await?;
        }
    }
    Ok(())
}

fn tags(deployment: &Deployment) -> BTreeMap<String, String> {
    let mut tags = deployment.settings.function.tags.clone();
    tags.insert(CREATED_BY.to_owned(), CREATOR.to_owned());
    tags.insert(OWNER.to_owned(), deployment.observed.account.user.clone());
    if let Some((_, Route::Bucket(bucket))) = &deployment.package {
        tags.insert(PACKAGE_BUCKET.to_owned(), bucket.clone());
    }
    tags
}

async fn log_group(deployment: &Deployment, work: &Work) -> Result<(), DeployError> {
    let group = log_group_name(&deployment.settings.function.name);
    if *work == Work::Retention {
        return Ok(logs::retain(
            &deployment.services,
            &group,
            deployment.settings.retention_days,
        )
        .await?);
    }
    Ok(logs::create(&deployment.services, &group, tags(deployment)).await?)
}

async fn callers(deployment: &mut Deployment, work: &Work) -> Result<(), DeployError> {
    let account = deployment.observed.account.id.clone();
    let (services, settings) = (&deployment.services, &deployment.settings);
    let name = &settings.function.name;
    match work {
        Work::BucketPermission(bucket) => {
            let source = format!("arn:aws:s3:::{bucket}");
            lambda::permit(
                services,
                name,
                &bucket_statement(bucket),
                "s3.amazonaws.com",
                &source,
                &account,
            )
            .await?;
        }
        Work::Api => {
            let existing = deployment.observed.api.as_ref().map(|api| api.id.clone());
            let id = api::ensure(services, settings, &account, existing.as_deref()).await?;
            deployment.observed.api.get_or_insert_default().id = id;
        }
        Work::ApiPermission(index) => {
            let id = deployment
                .observed
                .api
                .as_ref()
                .map(|api| api.id.clone())
                .unwrap_or_default();
            let source = source_arn(settings, &account, &id, *index);
            let statement = API_STATEMENTS.get(*index).copied().unwrap_or_default();
            lambda::permit(
                services,
                name,
                statement,
                &settings.api_gateway.service_id,
                &source,
                &account,
            )
            .await?;
        }
        _ => {}
    }
    Ok(())
}

async fn jobs(deployment: &mut Deployment, work: &Work) -> Result<(), DeployError> {
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

fn job(deployment: &Deployment) -> Result<&JobParts, DeployError> {
    let missing = || AwsError::new("prepare jobs", "the function has none");
    Ok(deployment.job.as_ref().ok_or_else(missing)?)
}

fn layer(deployment: &Deployment) -> Result<&LayerFile, DeployError> {
    let missing = || {
        DeployError::Usage(
            "there is no layer to publish: run `make layer`, or name its folder with --layer-dir"
                .to_owned(),
        )
    };
    deployment.layer.as_ref().ok_or_else(missing)
}
