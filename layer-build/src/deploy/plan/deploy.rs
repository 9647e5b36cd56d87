//! From what is wanted and what exists to the steps between them. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::observed::Observed;
use super::{Action, Change, Plan, Work, diff};
use crate::deploy::notification;
use crate::deploy::package::Route;
use crate::deploy::settings::{Place, Runtime, Settings};

pub use super::values::{
    API_STATEMENTS, CREATED_BY, CREATOR, OWNER, PACKAGE_BUCKET, api_value, bucket_of_statement,
    bucket_statement, entries, environment_value, function_arn, function_value, integration_uri,
    log_group_name, package_key, source_arn,
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
        steps: Vec::new(),
    };
    if let Some(bucket) = needed_bucket(wanted)
        && !observed.buckets.contains_key(bucket)
    {
        plan.create(format!("bucket {bucket}"), Work::Bucket(bucket.clone()));
    }
    function(&mut plan, wanted, observed);
    log_group(&mut plan, settings, observed);
    buckets(&mut plan, wanted, observed);
    api(&mut plan, settings, observed);
    batch(&mut plan, wanted, observed);
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
    if observed.layer.is_none() && !is_image {
        let layer = &settings.supervisor.layer_name;
        plan.create(format!("layer {layer}, a new version"), Work::Layer);
    }
    let code_differs = observed
        .function
        .as_ref()
        .is_none_or(|function| function.code != wanted.code);
    if let (Some(Route::Bucket(bucket)), true) = (&wanted.route, code_differs) {
        plan.create(
            format!("object {bucket}/{}", package_key(settings)),
            Work::Package,
        );
    }
    let Some(state) = &observed.function else {
        plan.create(name, Work::CreateFunction);
        return;
    };
    if code_differs {
        let change = Change {
            key: "code".to_owned(),
            before: Some(state.code.clone()),
            after: Some(wanted.code.to_owned()),
        };
        plan.change(name.clone(), vec![change], Work::FunctionCode);
    }
    let value = function_value(
        settings,
        &observed.role,
        observed.layer.as_deref().unwrap_or("(to be published)"),
    );
    plan.change(
        name.clone(),
        diff(&state.value, &value),
        Work::FunctionConfiguration,
    );
    let tags = tags(settings, &observed.account.user, wanted);
    let missing: Vec<_> = tags
        .iter()
        .filter(|(key, value)| state.tags.get(*key) != Some(*value))
        .map(|(key, value)| Change {
            key: format!("tags.{key}"),
            before: state.tags.get(key).cloned(),
            after: Some(value.clone()),
        })
        .collect();
    plan.change(name, missing, Work::FunctionTags);
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

fn log_group(plan: &mut Plan, settings: &Settings, observed: &Observed) {
    let name = format!("log group {}", log_group_name(&settings.function.name));
    let wanted = Some(settings.retention_days).filter(|days| *days > 0);
    let retention = |days: Option<i32>| json!({ "retention_days": days });
    let now = observed.log_group.as_ref().map(|group| group.retention);
    if now.is_none() {
        plan.create(name.clone(), Work::LogGroup);
    }
    plan.change(
        name,
        diff(&retention(now.flatten()), &retention(wanted)),
        Work::Retention,
    );
}

fn buckets(plan: &mut Plan, wanted: &Wanted<'_>, observed: &Observed) {
    let function = &wanted.settings.function;
    let places: BTreeSet<&Place> = function.input.iter().chain(&function.output).collect();
    let mut made = needed_bucket(wanted).into_iter().collect::<BTreeSet<_>>();
    for place in &places {
        if !observed.buckets.contains_key(&place.bucket) && made.insert(&place.bucket) {
            plan.create(
                format!("bucket {}", place.bucket),
                Work::Bucket(place.bucket.clone()),
            );
        }
    }
    for place in places {
        let exists = observed
            .buckets
            .get(&place.bucket)
            .is_some_and(|bucket| bucket.folders.contains(&place.folder));
        if !place.folder.is_empty() && !exists {
            let name = format!("folder {}/{}", place.bucket, place.folder);
            plan.create(
                name,
                Work::Folder(place.bucket.clone(), place.folder.clone()),
            );
        }
    }
    let inputs: BTreeSet<_> = function.input.iter().map(|place| &place.bucket).collect();
    for bucket in &inputs {
        let allowed = observed
            .function
            .as_ref()
            .is_some_and(|state| state.statements.contains_key(&bucket_statement(bucket)));
        if !allowed {
            plan.create(
                format!("permission of bucket {bucket} to call the function"),
                Work::BucketPermission((*bucket).clone()),
            );
        }
        notify(plan, wanted, observed, bucket);
    }
    let known = observed
        .function
        .iter()
        .flat_map(|state| state.statements.iter());
    for bucket in known
        .filter_map(|(id, source)| bucket_of_statement(id, source))
        .filter(|bucket| !inputs.contains(bucket))
    {
        plan.remove(
            format!("notification of bucket {bucket}"),
            Work::RemoveNotification(bucket),
        );
    }
}

fn notify(plan: &mut Plan, wanted: &Wanted<'_>, observed: &Observed, bucket: &str) {
    let arn = function_arn(wanted.settings, &observed.account.id);
    let current = observed
        .buckets
        .get(bucket)
        .map(|state| state.notification.as_str())
        .unwrap_or_default();
    let entries = entries(wanted.settings, &arn, bucket);
    if !notification::has(current, &arn, &entries) {
        let folders: Vec<_> = entries
            .iter()
            .map(|entry| {
                if entry.folder.is_empty() {
                    "(all)"
                } else {
                    entry.folder
                }
            })
            .collect();
        let change = Change {
            key: "new files of".to_owned(),
            before: None,
            after: Some(folders.join(", ")),
        };
        plan.push(
            Action::Change,
            format!("notification of bucket {bucket}"),
            vec![change],
            Work::Notification(bucket.to_owned()),
        );
    }
}

fn api(plan: &mut Plan, settings: &Settings, observed: &Observed) {
    let Some(name) = &settings.api_gateway.name else {
        return;
    };
    let resource = format!("HTTP endpoint {name}");
    let wanted = api_value(settings, &observed.account.id);
    let id = observed.api.as_ref().map(|api| api.id.as_str());
    match &observed.api {
        None => plan.create(resource, Work::Api),
        Some(api) => plan.change(resource, diff(&api.value, &wanted), Work::Api),
    }
    for (index, statement) in API_STATEMENTS.iter().enumerate() {
        let source = id.map(|id| source_arn(settings, &observed.account.id, id, index));
        let known = observed
            .function
            .as_ref()
            .and_then(|function| function.statements.get(*statement));
        if known.is_none() || known != source.as_ref() {
            plan.create(
                format!("permission {statement}"),
                Work::ApiPermission(index),
            );
        }
    }
}

fn batch(plan: &mut Plan, wanted: &Wanted<'_>, observed: &Observed) {
    let Some(job) = &wanted.job else { return };
    let (settings, state) = (wanted.settings, &observed.batch);
    let name = &settings.function.name;
    if !state.supervisor {
        plan.create(
            format!(
                "supervisor for jobs in bucket {}",
                wanted.bucket.as_deref().unwrap_or_default()
            ),
            Work::JobSupervisor,
        );
    }
    if let Some(secret) = &job.secret
        && state.secret.as_ref() != Some(secret)
    {
        plan.create(
            format!("secret configuration of jobs of {name}"),
            Work::Secret,
        );
    }
    let managed = settings.batch.kind == "MANAGED";
    if state.template_version.is_none() && managed {
        plan.create(
            format!(
                "launch template {}: {}",
                settings.batch.launch_template, job.template
            ),
            Work::LaunchTemplate,
        );
    }
    let environment = environment_value(settings);
    match &state.environment {
        None => plan.create(
            format!("compute environment {name}"),
            Work::ComputeEnvironment,
        ),
        Some(now) => plan.change(
            format!("compute environment {name}"),
            diff(now, &environment),
            Work::ComputeEnvironment,
        ),
    }
    let queue = |queue: &str| json!({ "state": queue });
    match &state.queue {
        None => plan.create(format!("job queue {name}"), Work::JobQueue),
        Some(now) => plan.change(
            format!("job queue {name}"),
            diff(&queue(now), &queue(&settings.batch.state)),
            Work::JobQueue,
        ),
    }
    match &state.definition {
        None => plan.create(format!("job definition {name}"), Work::JobDefinition),
        Some(now) => plan.change(
            format!("job definition {name}"),
            diff(now, &job.definition),
            Work::JobDefinition,
        ),
    }
}
