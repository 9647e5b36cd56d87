//! What runs a function's jobs: everything of AWS Batch.

use serde_json::json;

use crate::deploy::plan::observed::{Changeable, Observed, Ownership};
use crate::deploy::plan::operation::{JobOperation, StorageOperation};
use crate::deploy::plan::values::{CAPACITY, environment_value};
use crate::deploy::plan::wanted::{JobWanted, Wanted};
use crate::deploy::plan::{Plan, diff, removal};
use crate::deploy::settings::batch::{EnvironmentType, SERVICE_LINKED_ROLE};

pub(super) fn jobs(plan: &mut Plan, wanted: &Wanted<'_>, observed: &Observed) {
    let name = &wanted.settings.function.name;
    match &wanted.job {
        Some(job) => {
            files(plan, wanted, job, observed);
            environment(plan, wanted, observed);
            queue(plan, wanted, observed);
            definition(plan, name, job, observed);
        }
        // What somebody else made under the same name stays.
        None if observed.batch.ownership == Ownership::Ours => {
            removal::batch(plan, name, observed);
        }
        None => {}
    }
}

/// What instances and jobs fetch when they start.
fn files(plan: &mut Plan, wanted: &Wanted<'_>, job: &JobWanted, observed: &Observed) {
    let (settings, state) = (wanted.settings, &observed.batch);
    if !state.supervisor {
        plan.create(
            format!("supervisor for jobs in bucket {}", job.bucket),
            StorageOperation::UploadSupervisor,
        );
    }
    if job.secret.is_some() && state.secret != job.secret {
        plan.create(
            format!("secret configuration of jobs of {}", settings.function.name),
            JobOperation::WriteSecret,
        );
    }
    let is_managed = settings.batch.environment_type == EnvironmentType::Managed;
    if state.template_version.is_none() && is_managed {
        plan.create(
            format!(
                "launch template {}: {}",
                settings.batch.launch_template, job.template
            ),
            JobOperation::CreateLaunchTemplate,
        );
    }
}

fn environment(plan: &mut Plan, wanted: &Wanted<'_>, observed: &Observed) {
    let settings = wanted.settings;
    let resource = format!("compute environment {}", settings.function.name);
    let Some(now) = &observed.batch.environment else {
        plan.create(resource, JobOperation::CreateEnvironment);
        return;
    };
    let version = observed.batch.template_version.as_deref();
    let version = version.unwrap_or("(to be made)");
    let mut value = environment_value(settings, &observed.account.id, version);
    if settings.batch.service_role.is_empty() {
        // AWS Batch fills in the role that it has by itself.
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
        let keys = changes.iter().map(|change| change.key.clone()).collect();
        plan.change(resource, changes, JobOperation::ChangeEnvironment { keys });
        return;
    }
    let (what, name) = (fixed.join("; "), &settings.function.name);
    plan.obstacles.push(format!(
        "{resource} cannot be changed in place ({what}): AWS Batch changes more than state and capacity only of environments that \
         have its own role {SERVICE_LINKED_ROLE} (batch.service_role empty) and an allocation strategy other than BEST_FIT. Set the \
         keys back, or let its jobs end and make it anew: `faas-deploy rm -n {name}`, then `init`"
    ));
}

fn queue(plan: &mut Plan, wanted: &Wanted<'_>, observed: &Observed) {
    let name = format!("job queue {}", wanted.settings.function.name);
    let queue = |state: &str| json!({ "state": state });
    match &observed.batch.queue {
        None => plan.create(name, JobOperation::EnsureQueue),
        Some(now) => plan.change(
            name,
            diff(&queue(now), &queue(&wanted.settings.batch.state)),
            JobOperation::EnsureQueue,
        ),
    }
}

fn definition(plan: &mut Plan, name: &str, job: &JobWanted, observed: &Observed) {
    let name = format!("job definition {name}");
    match &observed.batch.definition {
        None => plan.create(name, JobOperation::RegisterDefinition),
        Some(now) => plan.change(
            name,
            diff(now, &job.definition),
            JobOperation::RegisterDefinition,
        ),
    }
}
