//! Computes the steps that bring a function from what exists to what is wanted. Pure.

mod function;
mod jobs;
mod triggers;

use super::Plan;
use super::observed::Observed;
use super::operation::{FunctionOperation, Operation, StorageOperation};
use super::wanted::{Scope, Wanted};

/// The steps that make the function what it should be.
pub fn plan(wanted: &Wanted<'_>, observed: &Observed) -> Plan {
    let mut plan = Plan::new(&wanted.settings.function.name);
    if let Some(bucket) = wanted.deployment_bucket()
        && !observed.buckets.contains_key(bucket)
    {
        let operation = StorageOperation::CreateBucket(bucket.clone());
        plan.create(format!("bucket {bucket}"), operation);
    }
    triggers::former_apis(&mut plan, observed);
    function::function(&mut plan, wanted, observed);
    function::log_group(&mut plan, wanted, observed);
    triggers::buckets(&mut plan, wanted, observed);
    triggers::api(&mut plan, wanted.settings, observed);
    jobs::jobs(&mut plan, wanted, observed);
    if wanted.scope == Scope::Configuration {
        plan.steps.retain(|step| is_configuration(&step.operation));
    }
    plan
}

/// Whether an operation changes what Lambda itself keeps of a function. Retention is not part of it: that comes from a
/// function's file.
fn is_configuration(operation: &Operation) -> bool {
    match operation {
        Operation::Function(operation) => match operation {
            FunctionOperation::PublishLayer
            | FunctionOperation::Configure
            | FunctionOperation::Tag => true,
            FunctionOperation::Create | FunctionOperation::ReplaceCode => false,
        },
        Operation::Storage(_)
        | Operation::LogGroup(_)
        | Operation::Trigger(_)
        | Operation::Job(_)
        | Operation::Remove(_) => false,
    }
}
