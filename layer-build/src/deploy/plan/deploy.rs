//! From what is wanted and what exists to the steps between them. Pure.

mod callers;
mod jobs;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::observed::Observed;
use super::{Change, Plan, Work, diff};
use crate::deploy::package::Route;
use crate::deploy::settings::{Runtime, Settings};

pub use super::values::{
    API_STATEMENTS, ARCHITECTURE, CAPACITY, CREATED_BY, CREATOR, OWNER, PACKAGE_BUCKET, api_value,
    bucket_of_statement, bucket_statement, entries, environment_value, function_arn,
    function_value, integration_uri, log_group_name, package_key, source_arn,
};

/// What the pure part needs to know beside settings and state.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// Settings of the function.
    pub settings: &'a Settings,
    /// SHA-256 of the package in base64, or the image of an image function.
    pub code: &'a str,
    /// How the package gets to Lambda; none for an image function.
    pub route: Option<Route>,
    /// The bucket for packages and jobs.
    pub bucket: Option<String>,
    /// Name of the launch template's version that fits.
    pub job: Option<JobWanted>,
}

/// What is wanted of AWS Batch.
#[derive(Debug, Clone, PartialEq)]
pub struct JobWanted {
    /// Comparable values of the job definition.
    pub definition: Value,
    /// Text of the secret configuration, when it has to be one.
    pub secret: Option<String>,
    /// Version text of the launch template.
    pub template: String,
}

/// The steps that make the function what it should be.
pub fn plan(wanted: &Wanted<'_>, observed: &Observed) -> Plan {
    let settings = wanted.settings;
    let mut plan = Plan {
        function: settings.function.name.clone(),
        ..Plan::default()
    };
    if let Some(bucket) = needed_bucket(wanted)
        && !observed.buckets.contains_key(bucket)
    {
        plan.create(format!("bucket {bucket}"), Work::Bucket(bucket.clone()));
    }
    callers::former(&mut plan, observed);
    function(&mut plan, wanted, observed);
    log_group(&mut plan, wanted, observed);
    callers::buckets(&mut plan, wanted, observed);
    callers::api(&mut plan, settings, observed);
    jobs::batch(&mut plan, wanted, observed);
    plan
}

fn needed_bucket<'w>(wanted: &'w Wanted<'_>) -> Option<&'w String> {
    let packaged = matches!(wanted.route, Some(Route::Bucket(_)));
    wanted.bucket.as_ref().filter(|_| {
        packaged || wanted.settings.uses_batch() || wanted.settings.deployment.bucket.is_some()
    })
}

fn function(plan: &mut Plan, wanted: &Wanted<'_>, observed: &Observed) {
    let settings = wanted.settings;
    let name = format!("function {}", settings.function.name);
    let is_image = settings.function.runtime == Runtime::Image;
    let was_image = observed
        .function
        .as_ref()
        .map(|state| state.value["runtime"].is_null());
    if was_image.is_some_and(|was_image| was_image != is_image) {
        plan.obstacles.push(format!(
            "{name} is {} and cannot become {} (lambda.runtime): remove it with `faas-deploy rm -n {}`, then `init`",
            kind(!is_image), kind(is_image), settings.function.name
        ));
    }
    if observed.layer.is_none() && !is_image {
        let layer = &settings.supervisor.layer_name;
        plan.create(format!("layer {layer}, a new version"), Work::Layer);
    }
    let changes = observed.function.as_ref().map(|state| {
        let layer = observed.layer.as_deref().unwrap_or("(to be published)");
        diff(
            &state.value,
            &function_value(settings, &observed.role, layer),
        )
    });
    let (mut of_code, others): (Vec<_>, Vec<_>) = changes
        .unwrap_or_default()
        .into_iter()
        .partition(|change| change.key == ARCHITECTURE);
    of_code.extend(code_change(wanted, observed));
    let packed = observed.function.is_none() || !of_code.is_empty();
    if let (Some(Route::Bucket(bucket)), true) = (&wanted.route, packed) {
        plan.create(
            format!("object {bucket}/{}", package_key(settings)),
            Work::Package,
        );
    }
    let Some(state) = &observed.function else {
        plan.create(name, Work::CreateFunction);
        return;
    };
    plan.change(format!("code of {name}"), of_code, Work::FunctionCode);
    plan.change(
        format!("settings of {name}"),
        others,
        Work::FunctionConfiguration,
    );
    let tags = tags(settings, &observed.account.user, wanted);
    plan.change(
        format!("tags of {name}"),
        missing(&state.tags, &tags),
        Work::FunctionTags,
    );
}

/// The tags that are not there yet, or have another value.
fn missing(has: &BTreeMap<String, String>, tags: &BTreeMap<String, String>) -> Vec<Change> {
    tags.iter()
        .filter(|(key, value)| has.get(*key) != Some(*value))
        .map(|(key, value)| Change {
            key: format!("tags.{key}"),
            before: has.get(key).cloned(),
            after: Some(value.clone()),
        })
        .collect()
}

fn kind(is_image: bool) -> &'static str {
    if is_image {
        "an image function"
    } else {
        "a packaged function"
    }
}

fn code_change(wanted: &Wanted<'_>, observed: &Observed) -> Option<Change> {
    let state = observed.function.as_ref()?;
    (state.code != wanted.code).then(|| Change {
        key: "code".to_owned(),
        before: Some(state.code.clone()),
        after: Some(wanted.code.to_owned()),
    })
}

/// The function's tags.
pub fn tags(settings: &Settings, user: &str, wanted: &Wanted<'_>) -> BTreeMap<String, String> {
    let mut tags = settings.function.tags.clone();
    tags.insert(CREATED_BY.to_owned(), CREATOR.to_owned());
    tags.insert(OWNER.to_owned(), user.to_owned());
    if let Some(Route::Bucket(bucket)) = &wanted.route {
        tags.insert(PACKAGE_BUCKET.to_owned(), bucket.clone());
    }
    tags
}

fn log_group(plan: &mut Plan, wanted: &Wanted<'_>, observed: &Observed) {
    let settings = wanted.settings;
    let name = format!("log group {}", log_group_name(&settings.function.name));
    let days = Some(settings.retention_days).filter(|days| *days > 0);
    let retention = |days: Option<i32>| json!({ "retention_days": days });
    let now = observed.log_group.as_ref().map(|group| group.retention);
    if now.is_none() {
        plan.create(name.clone(), Work::LogGroup);
    }
    plan.change(
        format!("retention of {name}"),
        diff(&retention(now.flatten()), &retention(days)),
        Work::Retention,
    );
    if let Some(has) = observed
        .log_group
        .as_ref()
        .and_then(|group| group.tags.as_ref())
    {
        let tags = tags(settings, &observed.account.user, wanted);
        plan.change(
            format!("tags of {name}"),
            missing(has, &tags),
            Work::LogGroupTags,
        );
    }
}
