//! Looks up what exists for a function. Changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::aws::error::default_if_denied;
use super::aws::{
    AwsError, Services, api, batch as aws_batch, ec2, lambda, layers, logs, s3, secret,
};
use super::job_parts::JobParts;
use super::layer_file::LayerFile;
use super::plan::observed::{BatchState, BucketState, Observed, Ownership};
use super::plan::values::log_group_name;
use super::plan::wanted::Scope;
use super::settings::{BucketFolder, Runtime, Settings};

/// Everything that a plan for the function depends on, except for account and role.
///
/// # Errors
/// [`AwsError`].
pub async fn observe(
    services: &Services,
    settings: &Settings,
    layer: Option<&LayerFile>,
    bucket: Option<&str>,
    job: Option<&JobParts>,
    scope: Scope,
) -> Result<Observed, AwsError> {
    let name = &settings.function.name;
    let mut observed = Observed {
        function: lambda::observe(services, name).await?,
        log_group: logs::observe(services, &log_group_name(name)).await?,
        ..Observed::default()
    };
    find_layer(services, settings, layer, &mut observed).await?;
    if scope == Scope::Configuration {
        return Ok(observed);
    }
    let scar = api::of_scar(observed.function.as_ref());
    let endpoints = api::observe(services, settings, scar.as_deref()).await;
    let endpoints = match settings.api_gateway.name {
        Some(_) => endpoints?,
        None => default_if_denied(endpoints)?,
    };
    (observed.api, observed.other_apis) = (endpoints.wanted, endpoints.others);
    observed.buckets = buckets(services, settings, bucket).await?;
    if let Some(job) = job {
        observed.batch = batch_for(services, name, job).await?;
        if observed.buckets.contains_key(&job.bucket) {
            let hash = s3::hash(services, &job.bucket, &job.supervisor_key).await?;
            observed.batch.supervisor = hash.as_ref() == Some(&job.supervisor_hash);
        }
    } else if observed.function.is_some() {
        // It may have had jobs before.
        observed.batch = default_if_denied(former_batch(services, name).await)?;
    }
    Ok(observed)
}

async fn find_layer(
    services: &Services,
    settings: &Settings,
    layer: Option<&LayerFile>,
    observed: &mut Observed,
) -> Result<(), AwsError> {
    if settings.function.runtime == Runtime::Image {
        return Ok(());
    }
    let versions = layers::list(services, &settings.supervisor.layer_name).await?;
    let chosen = layers::choose(&versions, &settings.supervisor, settings.arch, layer);
    // The default file names a version of SCAR's supervisor, which the user did not ask for.
    if !settings.supervisor.is_default() {
        observed.notice = layers::unmet(&settings.supervisor, chosen, layer);
    }
    observed.layer = chosen.map(|version| version.arn.clone());
    Ok(())
}

async fn buckets(
    services: &Services,
    settings: &Settings,
    own: Option<&str>,
) -> Result<BTreeMap<String, BucketState>, AwsError> {
    let function = &settings.function;
    let folders: Vec<&BucketFolder> = function.input.iter().chain(&function.output).collect();
    let used = folders.iter().map(|used| used.bucket.as_str());
    let names: BTreeSet<&str> = used.chain(own).collect();
    let inputs: BTreeSet<&str> = function.input_buckets().collect();
    let mut found = BTreeMap::new();
    for name in names {
        if !s3::exists(services, name).await? {
            continue;
        }
        let mut state = BucketState::default();
        if inputs.contains(name) {
            state.notification = s3::notification(services, name).await?;
        }
        for BucketFolder { bucket, folder } in &folders {
            if bucket == name
                && !folder.is_empty()
                && s3::has(services, name, &format!("{folder}/")).await?
            {
                state.folders.insert(folder.clone());
            }
        }
        found.insert(name.to_owned(), state);
    }
    Ok(found)
}

async fn former_batch(services: &Services, name: &str) -> Result<BatchState, AwsError> {
    let mut state = batch(services, name).await?;
    if state.ownership == Ownership::Ours {
        state.secret = secret::read(services, name).await?;
    }
    Ok(state)
}

async fn batch_for(
    services: &Services,
    name: &str,
    job: &JobParts,
) -> Result<BatchState, AwsError> {
    let (template_version, _) = ec2::observe(services, &job.template).await?;
    let secret = match job.secret {
        Some(_) => secret::read(services, name).await?,
        None => None,
    };
    Ok(BatchState {
        template_version,
        secret,
        ..batch(services, name).await?
    })
}

/// What AWS Batch has under a function's name.
///
/// # Errors
/// [`AwsError`].
pub async fn batch(services: &Services, name: &str) -> Result<BatchState, AwsError> {
    let environment = aws_batch::environment(services, name).await?;
    let queue = aws_batch::queue(services, name).await?;
    let definitions = aws_batch::definitions(services, name).await?;
    let ours = environment
        .as_ref()
        .is_some_and(|found| aws_batch::is_ours(found.tags()))
        || queue
            .as_ref()
            .is_some_and(|found| aws_batch::is_ours(found.tags()))
        || definitions
            .iter()
            .any(|found| found.ownership == Ownership::Ours);
    Ok(BatchState {
        environment: environment.as_ref().map(aws_batch::state),
        queue: queue.map(|queue| {
            queue
                .state()
                .map(|state| state.as_str().to_owned())
                .unwrap_or_default()
        }),
        definition: definitions.first().map(|found| found.value.clone()),
        definitions: definitions.into_iter().map(|found| found.arn).collect(),
        ownership: if ours {
            Ownership::Ours
        } else {
            Ownership::Unknown
        },
        ..BatchState::default()
    })
}
