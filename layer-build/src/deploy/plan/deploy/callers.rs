//! What starts a function: buckets and an HTTP endpoint.

use std::collections::BTreeSet;

use super::{
    API_STATEMENTS, CREATOR, Wanted, api_value, bucket_of_statement, bucket_statement, entries,
    function_arn, needed_bucket, source_arn,
};
use crate::deploy::notification;
use crate::deploy::partition::Partition;
use crate::deploy::plan::observed::Observed;
use crate::deploy::plan::{Action, Change, Plan, Work, diff};
use crate::deploy::settings::{Place, Settings};

pub(super) fn buckets(plan: &mut Plan, wanted: &Wanted<'_>, observed: &Observed) {
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
        let source = Partition::of(&wanted.settings.lambda.region).bucket(bucket);
        let allowed = observed
            .function
            .as_ref()
            .is_some_and(|state| state.statements.get(&bucket_statement(bucket)) == Some(&source));
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

/// Endpoints that are known by the function's variables alone, because SCAR made them: they come before the function, whose
/// variables are about to change. With them go those that are no longer described.
pub(super) fn former(plan: &mut Plan, observed: &Observed) {
    if let Some(api) = observed
        .api
        .as_ref()
        .filter(|api| api.value["function"].is_null())
    {
        let change = Change {
            key: "made by".to_owned(),
            before: Some("scar".to_owned()),
            after: Some(CREATOR.to_owned()),
        };
        let resource = format!("HTTP endpoint {}", api.id);
        plan.change(resource, vec![change], Work::AdoptApi(api.id.clone()));
    }
    for id in &observed.other_apis {
        plan.remove(format!("HTTP endpoint {id}"), Work::RemoveApi(id.clone()));
    }
}

pub(super) fn api(plan: &mut Plan, settings: &Settings, observed: &Observed) {
    let statements = observed.function.as_ref().map(|state| &state.statements);
    let Some(name) = &settings.api_gateway.name else {
        let known = |id: &&&str| statements.is_some_and(|known| known.contains_key(**id));
        for statement in API_STATEMENTS.iter().filter(known) {
            let work = Work::RemovePermission((*statement).to_owned());
            plan.remove(format!("permission {statement}"), work);
        }
        return;
    };
    let resource = format!("HTTP endpoint {name}");
    let wanted = api_value(settings, &observed.account.id);
    let id = observed.api.as_ref().map(|api| api.id.as_str());
    match &observed.api {
        None => plan.create(resource, Work::Api),
        Some(api) => {
            let mut wanted = wanted;
            // Whose it is has a step of its own.
            wanted["function"] = api.value["function"].clone();
            plan.change(resource, diff(&api.value, &wanted), Work::Api);
        }
    }
    for (index, statement) in API_STATEMENTS.iter().enumerate() {
        let source = id.map(|id| source_arn(settings, &observed.account.id, id, index));
        let known = statements.and_then(|statements| statements.get(*statement));
        if known.is_none() || known != source.as_ref() {
            plan.create(
                format!("permission {statement}"),
                Work::ApiPermission(index),
            );
        }
    }
}
