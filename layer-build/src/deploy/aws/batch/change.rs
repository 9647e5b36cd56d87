//! Changes a compute environment that exists.

use aws_sdk_batch::types::{CeState, ComputeResourceUpdate, CrType, CrUpdateAllocationStrategy};

use super::environment::{resources, valid};
use crate::deploy::aws::Services;
use crate::deploy::aws::error::{AwsError, Context};
use crate::deploy::aws::wait::WaitPolicy;
use crate::deploy::settings::{Settings, api::fill};

/// Changes keys of a compute environment, and waits until it can be used again. The request holds only keys that differ: with
/// others, AWS Batch takes a change of capacity for a change of the instances (AWS Batch user guide, "Updating compute
/// environments").
///
/// # Errors
/// [`AwsError`].
pub async fn change_environment(
    services: &Services,
    settings: &Settings,
    account: &str,
    version: Option<&str>,
    keys: &[String],
    wait: WaitPolicy,
) -> Result<(), AwsError> {
    let (batch, name) = (&settings.batch, &settings.function.name);
    let has = |key: &str| keys.iter().any(|changed| changed == key);
    let mut request = services
        .batch
        .update_compute_environment()
        .compute_environment(name);
    if has("state") {
        request = request.state(CeState::from(batch.state.as_str()));
    }
    if has("service_role") {
        request = request.service_role(fill(&batch.service_role, &[("account_id", account)]));
    }
    let wanted = resources(settings, account, version);
    let mut changed = ComputeResourceUpdate::builder();
    if has("min_v_cpus") || has("max_v_cpus") {
        changed = changed.minv_cpus(batch.min).maxv_cpus(batch.max);
    }
    if has("resource_type") {
        let strategy = batch.allocation.as_deref();
        changed = changed
            .r#type(CrType::from(batch.resource_type.as_str()))
            .set_allocation_strategy(strategy.map(CrUpdateAllocationStrategy::from));
    }
    if has("instance_types") {
        changed = changed.set_instance_types(wanted.instance_types);
    }
    if has("subnets") {
        changed = changed.set_subnets(wanted.subnets);
    }
    if has("security_group_ids") {
        changed = changed.set_security_group_ids(wanted.security_group_ids);
    }
    if has("instance_role") {
        changed = changed.set_instance_role(wanted.instance_role);
    }
    if has("launch_template") {
        changed = changed.set_launch_template(wanted.launch_template);
    }
    let changed = changed.build();
    if changed != ComputeResourceUpdate::builder().build() {
        request = request.compute_resources(changed);
    }
    request
        .send()
        .await
        .context(format!("change compute environment {name}"))?;
    valid(services, name, wait).await
}
