//! Looks up what exists for a function. Reads only.

use std::collections::{BTreeMap, BTreeSet};

use super::aws::{AwsError, Services, api, batch, ec2, lambda, layers, logs, s3, secret};
use super::deployment::{JobParts, Scope};
use super::layer_file::LayerFile;
use super::plan::deploy::log_group_name;
use super::plan::observed::{BatchState, BucketState, Maker, Observed};
use super::settings::{Runtime, Settings};

/// Everything that a plan for the function depends on, but account and role.
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
    published(services, settings, layer, &mut observed).await?;
    if scope == Scope::Configuration {
        return Ok(observed);
    }
    let scar = api::of_scar(observed.function.as_ref());
    let endpoints = api::observe(services, settings, scar.as_deref()).await;
    let endpoints = match settings.api_gateway.name {
        Some(_) => endpoints?,
        None => permitted(endpoints)?,
    };
    (observed.api, observed.other_apis) = (endpoints.wanted, endpoints.others);
    observed.buckets = buckets(services, settings, bucket).await?;
    if let (Some(job), Some(bucket)) = (job, bucket) {
        let usable = observed.buckets.contains_key(bucket);
        observed.batch = of_batch(services, name, job).await?;
        if usable {
            let hash = s3::hash(services, bucket, &job.supervisor_key).await?;
            observed.batch.supervisor = hash.as_ref() == Some(&job.supervisor_hash);
        }
    } else if observed.function.is_some() {
        // It may have had jobs before.
        observed.batch = permitted(left_over(services, name).await)?;
    }
    Ok(observed)
}

async fn published(
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
    // The default file names a version of SCAR's supervisor, which nobody asked for.
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
    let places: Vec<_> = function.input.iter().chain(&function.output).collect();
    let names: BTreeSet<&str> = places
        .iter()
        .map(|place| place.bucket.as_str())
        .chain(own)
        .collect();
    let inputs: BTreeSet<&str> = function
        .input
        .iter()
        .map(|place| place.bucket.as_str())
        .collect();
    let mut found = BTreeMap::new();
    for name in names {
        if !s3::exists(services, name).await? {
            continue;
        }
        let mut state = BucketState::default();
        if inputs.contains(name) {
            state.notification = s3::notification(services, name).await?;
        }
        for place in places
            .iter()
            .filter(|place| place.bucket == name && !place.folder.is_empty())
        {
            if s3::has(services, name, &format!("{}/", place.folder)).await? {
                state.folders.insert(place.folder.clone());
            }
        }
        found.insert(name.to_owned(), state);
    }
    Ok(found)
}

async fn left_over(services: &Services, name: &str) -> Result<BatchState, AwsError> {
    let mut state = of_name(services, name).await?;
    if state.maker == Maker::Here {
        state.secret = secret::read(services, name).await?;
    }
    Ok(state)
}

async fn of_batch(services: &Services, name: &str, job: &JobParts) -> Result<BatchState, AwsError> {
    let (template_version, template_exists) = ec2::observe(services, &job.template).await?;
    let secret = match job.secret {
        Some(_) => secret::read(services, name).await?,
        None => None,
    };
    Ok(BatchState {
        template_version,
        template_exists,
        secret,
        ..of_name(services, name).await?
    })
}

/// What AWS Batch has of a name.
///
/// # Errors
/// [`AwsError`].
pub async fn of_name(services: &Services, name: &str) -> Result<BatchState, AwsError> {
    let environment = batch::environment(services, name).await?;
    let queue = batch::queue(services, name).await?;
    let definitions = batch::definitions(services, name).await?;
    let ours = environment
        .as_ref()
        .is_some_and(|found| batch::is_ours(found.tags()))
        || queue
            .as_ref()
            .is_some_and(|found| batch::is_ours(found.tags()))
        || definitions.iter().any(|found| found.maker == Maker::Here);
    Ok(BatchState {
        environment: environment.as_ref().map(batch::state),
        queue: queue.map(|queue| {
            queue
                .state()
                .map(|state| state.as_str().to_owned())
                .unwrap_or_default()
        }),
        definition: definitions.first().map(|found| found.value.clone()),
        definitions: definitions.into_iter().map(|found| found.arn).collect(),
        maker: if ours { Maker::Here } else { Maker::Unknown },
        ..BatchState::default()
    })
}

/// Who may not even look at a service has made nothing there.
///
/// # Errors
/// Every other error.
pub fn permitted<T: Default>(answer: Result<T, AwsError>) -> Result<T, AwsError> {
    match answer {
        Err(error) if error.is_denial() => Ok(T::default()),
        answer => answer,
    }
}
