//! Looks up what there is to remove of a function.

use std::collections::BTreeSet;

use crate::deploy::aws::error::default_if_denied;
use crate::deploy::aws::{AwsError, AwsErrorKind, Services, api, iam, lambda, logs, s3, secret};
use crate::deploy::notification;
use crate::deploy::observe;
use crate::deploy::partition::bucket_of;
use crate::deploy::plan::Plan;
use crate::deploy::plan::observed::Observed;
use crate::deploy::plan::operation::Removal;
use crate::deploy::plan::removal::{self, Leftovers};
use crate::deploy::plan::values::{PACKAGE_BUCKET, function_arn, log_group_name, package_key};
use crate::deploy::settings::Settings;

/// The steps that remove a function, and the account that it is in.
///
/// # Errors
/// [`AwsError`].
pub async fn plan(
    services: &Services,
    settings: &Settings,
) -> Result<(Plan<Removal>, String), AwsError> {
    let name = &settings.function.name;
    let function = lambda::observe(services, name).await?;
    let mut batch = default_if_denied(observe::batch(services, name).await)?;
    batch.secret = default_if_denied(secret::read(services, name).await)?;
    let observed = Observed {
        account: iam::account(services).await?,
        function,
        log_group: logs::observe(services, &log_group_name(name)).await?,
        batch,
        ..Observed::default()
    };
    let leftovers = Leftovers {
        notifying: notifying(services, settings, &observed).await?,
        apis: apis(services, name, &observed).await?,
        package: package(services, settings, &observed).await?,
    };
    let plan = removal::plan(name, &observed, &leftovers);
    Ok((plan, observed.account.id))
}

async fn apis(
    services: &Services,
    name: &str,
    observed: &Observed,
) -> Result<Vec<String>, AwsError> {
    let found = default_if_denied(api::of_function(services, name).await)?;
    let found = found.into_iter().filter_map(|api| api.id);
    let mut ids: Vec<_> = found
        .chain(api::of_scar(observed.function.as_ref()))
        .collect();
    ids.sort();
    ids.dedup();
    Ok(ids)
}

/// Buckets that may call the function, and input buckets that still notify it. The latter exist without the former when somebody
/// removed only the function.
async fn notifying(
    services: &Services,
    settings: &Settings,
    observed: &Observed,
) -> Result<BTreeSet<String>, AwsError> {
    let statements = observed.function.iter().flat_map(|state| &state.statements);
    let mut buckets: BTreeSet<_> = statements
        .filter_map(|(_, source)| bucket_of(source).map(str::to_owned))
        .collect();
    let arn = function_arn(settings, &observed.account.id);
    for bucket in settings.function.input_buckets() {
        if buckets.contains(bucket) {
            continue;
        }
        let current = match s3::notification(services, bucket).await {
            Err(error) if error.kind == AwsErrorKind::Absent => continue,
            answer => default_if_denied(answer)?,
        };
        if notification::remove(&current, &arn) != current {
            buckets.insert(bucket.to_owned());
        }
    }
    Ok(buckets)
}

/// The bucket of the function's package, as the function's tags or else its file name it.
async fn package(
    services: &Services,
    settings: &Settings,
    observed: &Observed,
) -> Result<Option<String>, AwsError> {
    if let Some(state) = &observed.function {
        return Ok(state.tags.get(PACKAGE_BUCKET).cloned());
    }
    let Some(bucket) = &settings.deployment.bucket else {
        return Ok(None);
    };
    let exists = default_if_denied(s3::has(services, bucket, &package_key(settings)).await)?;
    Ok(exists.then(|| bucket.clone()))
}
