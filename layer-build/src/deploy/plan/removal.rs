//! What has to go with a function. Pure; what is already gone takes no step.

use std::collections::BTreeSet;

use super::deploy::log_group_name;
use super::observed::{FunctionState, Maker, Observed};
use super::{Plan, Work};

/// What was made for a function, beside what is observed of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remains {
    /// Buckets that notify it.
    pub notifying: BTreeSet<String>,
    /// Ids of its HTTP endpoints.
    pub apis: Vec<String>,
    /// The bucket that has its package.
    pub package: Option<String>,
}

/// The steps that remove a function and what was made for it.
pub fn plan(name: &str, observed: &Observed, remains: &Remains) -> Plan {
    let mut plan = Plan {
        function: name.to_owned(),
        ..Plan::default()
    };
    // First what calls the function, then the function.
    for bucket in &remains.notifying {
        plan.remove(
            format!("notification of bucket {bucket}"),
            Work::RemoveNotification(bucket.clone()),
        );
    }
    for api in &remains.apis {
        plan.remove(format!("HTTP endpoint {api}"), Work::RemoveApi(api.clone()));
    }
    if let Some(bucket) = &remains.package {
        plan.remove(
            format!("package in bucket {bucket}"),
            Work::RemovePackage(bucket.clone()),
        );
    }
    if observed.function.is_some() {
        plan.remove(format!("function {name}"), Work::RemoveFunction);
    }
    if observed.log_group.is_some() {
        plan.remove(
            format!("log group {}", log_group_name(name)),
            Work::RemoveLogGroup,
        );
    }
    let known = observed
        .function
        .as_ref()
        .is_some_and(FunctionState::is_ours);
    if known || observed.batch.maker == Maker::Here {
        batch(&mut plan, name, observed);
    } else {
        secret(&mut plan, name, observed);
    }
    plan
}

/// The steps that remove what runs the jobs of a function.
pub fn batch(plan: &mut Plan, name: &str, observed: &Observed) {
    let state = &observed.batch;
    if !state.definitions.is_empty() {
        plan.remove(
            format!("job definitions of {name}"),
            Work::RemoveJobDefinitions(state.definitions.clone()),
        );
    }
    if state.queue.is_some() {
        plan.remove(format!("job queue {name}"), Work::RemoveJobQueue);
    }
    if state.environment.is_some() {
        plan.remove(
            format!("compute environment {name}"),
            Work::RemoveComputeEnvironment,
        );
    }
    secret(plan, name, observed);
}

fn secret(plan: &mut Plan, name: &str, observed: &Observed) {
    if observed.batch.secret.is_some() {
        plan.remove(
            format!("secret configuration of jobs of {name}"),
            Work::RemoveSecret,
        );
    }
}
