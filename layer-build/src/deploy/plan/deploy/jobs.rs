//! What runs a function's jobs: everything of AWS Batch.

use serde_json::json;

use super::{CAPACITY, Wanted, environment_value};
use crate::deploy::plan::observed::{Changeable, Maker, Observed};
use crate::deploy::plan::{Plan, Work, diff, removal};
use crate::deploy::settings::batch::SERVICE_LINKED;

pub(super) fn batch(plan: &mut Plan, wanted: &Wanted<'_>, observed: &Observed) {
    let Some(job) = &wanted.job else {
        // Those of others that happen to have the name stay.
        if observed.batch.maker == Maker::Here {
            removal::batch(plan, &wanted.settings.function.name, observed);
        }
        return;
    };
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
    environment(plan, wanted, observed);
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

fn environment(plan: &mut Plan, wanted: &Wanted<'_>, observed: &Observed) {
    let settings = wanted.settings;
    let resource = format!("compute environment {}", settings.function.name);
    let Some(now) = &observed.batch.environment else {
        plan.create(resource, Work::ComputeEnvironment);
        return;
    };
    let version = observed.batch.template_version.as_deref();
    let version = version.unwrap_or("(to be made)");
    let mut value = environment_value(settings, &observed.account.id, version);
    if settings.batch.service_role.is_empty() {
        // AWS Batch names the role that it has by itself.
        value["service_role"] = now.value["service_role"].clone();
    }
    let changes = diff(&now.value, &value);
    let fixed: Vec<_> = changes
        .iter()
        .filter(|change| match now.changeable {
            Changeable::Everything => change.key == "type",
            Changeable::Capacity => !CAPACITY.contains(&change.key.as_str()),
        })
        .map(ToString::to_string)
        .collect();
    if fixed.is_empty() {
        plan.change(resource, changes, Work::ChangeEnvironment);
        return;
    }
    let (what, name) = (fixed.join("; "), &settings.function.name);
    plan.obstacles.push(format!(
        "{resource} cannot be changed in place ({what}): AWS Batch changes more than state and capacity only of environments that \
         have its own role {SERVICE_LINKED} (batch.service_role empty) and an allocation strategy other than BEST_FIT. Set the \
         keys back, or let its jobs end and make it anew: `faas-deploy rm -n {name}`, then `init`"
    ));
}
