//! What starts a function: buckets and an HTTP endpoint.

use std::collections::{BTreeMap, BTreeSet};

use crate::deploy::notification;
use crate::deploy::partition::{Partition, bucket_of};
use crate::deploy::plan::observed::Observed;
use crate::deploy::plan::operation::{Removal, StorageOperation, TriggerOperation};
use crate::deploy::plan::values::{
    ApiCaller, CREATOR, api_value, bucket_statement, function_arn, notification_entries,
};
use crate::deploy::plan::wanted::Wanted;
use crate::deploy::plan::{Change, Plan, diff};
use crate::deploy::settings::{BucketFolder, Settings};

pub(super) fn buckets(plan: &mut Plan, wanted: &Wanted<'_>, observed: &Observed) {
    create_buckets(plan, wanted, observed);
    let inputs: BTreeSet<&str> = wanted.settings.function.input_buckets().collect();
    for bucket in &inputs {
        allow(plan, wanted, observed, bucket);
        notify(plan, wanted, observed, bucket);
    }
    remove_former(plan, observed, &inputs);
}

fn create_buckets(plan: &mut Plan, wanted: &Wanted<'_>, observed: &Observed) {
    let function = &wanted.settings.function;
    let used: BTreeSet<&BucketFolder> = function.input.iter().chain(&function.output).collect();
    let mut created = wanted
        .deployment_bucket()
        .into_iter()
        .collect::<BTreeSet<_>>();
    for BucketFolder { bucket, .. } in &used {
        if !observed.buckets.contains_key(bucket) && created.insert(bucket) {
            plan.create(
                format!("bucket {bucket}"),
                StorageOperation::CreateBucket(bucket.clone()),
            );
        }
    }
    for BucketFolder { bucket, folder } in used {
        let state = observed.buckets.get(bucket);
        let exists = state.is_some_and(|bucket| bucket.folders.contains(folder));
        if !folder.is_empty() && !exists {
            plan.create(
                format!("folder {bucket}/{folder}"),
                StorageOperation::CreateFolder {
                    bucket: bucket.clone(),
                    folder: folder.clone(),
                },
            );
        }
    }
}

fn allow(plan: &mut Plan, wanted: &Wanted<'_>, observed: &Observed, bucket: &str) {
    let source = Partition::of(&wanted.settings.lambda.region).bucket(bucket);
    let function = observed.function.as_ref();
    let is_allowed = function
        .is_some_and(|state| state.statements.get(&bucket_statement(bucket)) == Some(&source));
    if !is_allowed {
        plan.create(
            format!("permission of bucket {bucket} to call the function"),
            TriggerOperation::AllowBucket(bucket.to_owned()),
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
    let entries = notification_entries(wanted.settings, &arn, bucket);
    if notification::has(current, &arn, &entries) {
        return;
    }
    let folders: Vec<_> = entries
        .iter()
        .map(|entry| match entry.folder {
            "" => "(all)",
            folder => folder,
        })
        .collect();
    let change = Change {
        key: "new files of".to_owned(),
        before: None,
        after: Some(folders.join(", ")),
    };
    plan.change(
        format!("notification of bucket {bucket}"),
        vec![change],
        TriggerOperation::NotifyFunction {
            bucket: bucket.to_owned(),
        },
    );
}

/// Removes the notifications of buckets that may call the function and are no longer its inputs.
fn remove_former(plan: &mut Plan, observed: &Observed, inputs: &BTreeSet<&str>) {
    let mut former: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let statements = observed
        .function
        .iter()
        .flat_map(|state| state.statements.iter());
    for (id, source) in statements {
        if let Some(bucket) = bucket_of(source).filter(|bucket| !inputs.contains(bucket)) {
            former.entry(bucket).or_default().push(id.clone());
        }
    }
    for (bucket, statements) in former {
        plan.remove(
            format!("notification of bucket {bucket}"),
            Removal::Notification {
                bucket: bucket.to_owned(),
                statements,
            },
        );
    }
}

/// Adopts the endpoint that SCAR made, and removes those that are no longer described. This comes before the function changes:
/// only the function's present variables name an endpoint of SCAR's.
pub(super) fn former_apis(plan: &mut Plan, observed: &Observed) {
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
        plan.change(
            format!("HTTP endpoint {}", api.id),
            vec![change],
            TriggerOperation::AdoptApi(api.id.clone()),
        );
    }
    for id in &observed.other_apis {
        plan.remove(format!("HTTP endpoint {id}"), Removal::Api(id.clone()));
    }
}

pub(super) fn api(plan: &mut Plan, settings: &Settings, observed: &Observed) {
    let statements = observed.function.as_ref().map(|state| &state.statements);
    let statement_of = |caller: ApiCaller| statements?.get(caller.statement_id());
    let Some(name) = &settings.api_gateway.name else {
        for caller in ApiCaller::ALL {
            if statement_of(caller).is_some() {
                let id = caller.statement_id();
                plan.remove(
                    format!("permission {id}"),
                    Removal::Permission(id.to_owned()),
                );
            }
        }
        return;
    };
    let resource = format!("HTTP endpoint {name}");
    let account = &observed.account.id;
    match &observed.api {
        None => plan.create(resource, TriggerOperation::EnsureApi),
        Some(api) => {
            let mut wanted = api_value(settings, account);
            // A step of its own changes the owner.
            wanted["function"] = api.value["function"].clone();
            plan.change(
                resource,
                diff(&api.value, &wanted),
                TriggerOperation::EnsureApi,
            );
        }
    }
    for caller in ApiCaller::ALL {
        let api = observed.api.as_ref();
        let source = api.map(|api| caller.source_arn(settings, account, &api.id));
        let known = statement_of(caller);
        if known.is_none() || known != source.as_ref() {
            plan.create(
                format!("permission {}", caller.statement_id()),
                TriggerOperation::AllowApi(caller),
            );
        }
    }
}
