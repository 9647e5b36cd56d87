//! What runs a function's jobs: everything of AWS Batch.

use serde_json::json;

use super::{Wanted, environment_value};
use crate::deploy::plan::observed::Observed;
use crate::deploy::plan::{Plan, Work, diff};

pub(super) fn batch(plan: &mut Plan, wanted: &Wanted<'_>, observed: &Observed) {
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
