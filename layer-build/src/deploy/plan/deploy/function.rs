//! The function itself: its layer, package, code, configuration and tags, and its log group.

use std::collections::BTreeMap;

use serde_json::json;

use crate::deploy::plan::observed::Observed;
use crate::deploy::plan::operation::{FunctionOperation, LogGroupOperation, StorageOperation};
use crate::deploy::plan::values::{
    ARCHITECTURE, function_tags, function_value, log_group_name, package_key,
};
use crate::deploy::plan::wanted::Wanted;
use crate::deploy::plan::{Change, Plan, diff};
use crate::deploy::settings::Runtime;

pub(super) fn function(plan: &mut Plan, wanted: &Wanted<'_>, observed: &Observed) {
    let settings = wanted.settings;
    let name = format!("function {}", settings.function.name);
    check_kind(plan, wanted, observed);
    if observed.layer.is_none() && settings.function.runtime != Runtime::Image {
        let layer = &settings.supervisor.layer_name;
        plan.create(
            format!("layer {layer}, a new version"),
            FunctionOperation::PublishLayer,
        );
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
    let needs_package = observed.function.is_none() || !of_code.is_empty();
    if let Some(bucket) = wanted.package_bucket().filter(|_| needs_package) {
        let bucket = bucket.to_owned();
        plan.create(
            format!("object {bucket}/{}", package_key(settings)),
            StorageOperation::UploadPackage { bucket },
        );
    }
    let Some(state) = &observed.function else {
        plan.create(name, FunctionOperation::Create);
        return;
    };
    plan.change(
        format!("code of {name}"),
        of_code,
        FunctionOperation::ReplaceCode,
    );
    plan.change(
        format!("settings of {name}"),
        others,
        FunctionOperation::Configure,
    );
    plan.change(
        format!("tags of {name}"),
        missing(&state.tags, &tags(wanted, observed)),
        FunctionOperation::Tag,
    );
}

/// Lambda cannot make a packaged function an image function, nor the other way round.
fn check_kind(plan: &mut Plan, wanted: &Wanted<'_>, observed: &Observed) {
    let name = &wanted.settings.function.name;
    let is_image = wanted.settings.function.runtime == Runtime::Image;
    let was_image = observed
        .function
        .as_ref()
        .map(|state| state.value["runtime"].is_null());
    if was_image.is_some_and(|was_image| was_image != is_image) {
        plan.obstacles.push(format!(
            "function {name} is {} and cannot become {} (lambda.runtime): remove it with `faas-deploy rm -n {name}`, then `init`",
            kind(!is_image),
            kind(is_image)
        ));
    }
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

fn tags(wanted: &Wanted<'_>, observed: &Observed) -> BTreeMap<String, String> {
    function_tags(
        wanted.settings,
        &observed.account.user,
        wanted.package_bucket(),
    )
}

/// The tags that are absent or have another value.
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

pub(super) fn log_group(plan: &mut Plan, wanted: &Wanted<'_>, observed: &Observed) {
    let settings = wanted.settings;
    let name = format!("log group {}", log_group_name(&settings.function.name));
    let days = Some(settings.retention_days).filter(|days| *days > 0);
    let retention = |days: Option<i32>| json!({ "retention_days": days });
    let now = observed.log_group.as_ref().map(|group| group.retention);
    if now.is_none() {
        plan.create(name.clone(), LogGroupOperation::Create);
    }
    plan.change(
        format!("retention of {name}"),
        diff(&retention(now.flatten()), &retention(days)),
        LogGroupOperation::SetRetention,
    );
    let group = observed.log_group.as_ref();
    if let Some(has) = group.and_then(|group| group.tags.as_ref()) {
        plan.change(
            format!("tags of {name}"),
            missing(has, &tags(wanted, observed)),
            LogGroupOperation::Tag,
        );
    }
}
