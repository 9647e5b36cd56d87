//! Computes the steps that remove a function and what was made for it. Pure. What is already gone takes no step.

use std::collections::BTreeSet;

use super::Plan;
use super::observed::{FunctionState, Observed, Ownership};
use super::operation::Removal;
use super::values::log_group_name;

/// What was made for a function, beside what [`Observed`] holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Buckets that notify it.
    pub notifying: BTreeSet<String>,
    /// Ids of its HTTP endpoints.
    pub apis: Vec<String>,
    /// The bucket that has its package.
    pub package: Option<String>,
}

/// The steps that remove a function and what was made for it: first what calls the function, then the function.
pub fn plan(name: &str, observed: &Observed, leftovers: &Leftovers) -> Plan<Removal> {
    let mut plan = Plan::new(name);
    for bucket in &leftovers.notifying {
        plan.remove(
            format!("notification of bucket {bucket}"),
            Removal::Notification {
                bucket: bucket.clone(),
                // They go with the function.
                statements: Vec::new(),
            },
        );
    }
    for api in &leftovers.apis {
        plan.remove(format!("HTTP endpoint {api}"), Removal::Api(api.clone()));
    }
    if let Some(bucket) = &leftovers.package {
        plan.remove(
            format!("package in bucket {bucket}"),
            Removal::Package {
                bucket: bucket.clone(),
            },
        );
    }
    if observed.function.is_some() {
        plan.remove(format!("function {name}"), Removal::Function);
    }
    if observed.log_group.is_some() {
        plan.remove(
            format!("log group {}", log_group_name(name)),
            Removal::LogGroup,
        );
    }
    let is_ours = observed
        .function
        .as_ref()
        .is_some_and(FunctionState::is_ours);
    if is_ours || observed.batch.ownership == Ownership::Ours {
        batch(&mut plan, name, observed);
    } else {
        secret(&mut plan, name, observed);
    }
    plan
}

/// Adds the steps that remove what runs the jobs of a function.
pub fn batch<O: From<Removal>>(plan: &mut Plan<O>, name: &str, observed: &Observed) {
    let state = &observed.batch;
    if !state.definitions.is_empty() {
        plan.remove(
            format!("job definitions of {name}"),
            Removal::JobDefinitions(state.definitions.clone()),
        );
    }
    if state.queue.is_some() {
        plan.remove(format!("job queue {name}"), Removal::JobQueue);
    }
    if state.environment.is_some() {
        plan.remove(
            format!("compute environment {name}"),
            Removal::ComputeEnvironment,
        );
    }
    secret(plan, name, observed);
}

fn secret<O: From<Removal>>(plan: &mut Plan<O>, name: &str, observed: &Observed) {
    if observed.batch.secret.is_some() {
        plan.remove(
            format!("secret configuration of jobs of {name}"),
            Removal::Secret,
        );
    }
}
