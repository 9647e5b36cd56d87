//! `batch`: where jobs run.

use std::collections::BTreeMap;

use super::error::SettingsError;
use super::reader::Reader;
use crate::deploy::partition::Partition;

/// Settings of jobs. `{account_id}` in roles is filled in when they are used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Processors of a job.
    pub vcpus: i32,
    /// Memory of a job in MB.
    pub memory: i32,
    /// Whether a job gets a GPU.
    pub enable_gpu: bool,
    /// State of environment and queue.
    pub state: String,
    /// `MANAGED` or `UNMANAGED`.
    pub kind: String,
    /// Variables of a job.
    pub variables: BTreeMap<String, String>,
    /// Kind of resources: `EC2`, `SPOT`.
    pub resource_kind: String,
    /// `security_group_ids`.
    pub security_groups: Vec<String>,
    /// `desired_v_cpus`, `min_v_cpus`, `max_v_cpus`.
    pub desired: i32,
    /// As `desired`.
    pub min: i32,
    /// As `desired`.
    pub max: i32,
    /// `subnets`.
    pub subnets: Vec<String>,
    /// `instance_types`.
    pub instance_types: Vec<String>,
    /// `allocation_strategy`, or the one that suits the other settings; none leaves it to AWS Batch.
    pub allocation: Option<String>,
    /// `launch_template_name`.
    pub launch_template: String,
    /// `instance_role`.
    pub instance_role: String,
    /// `service_role`.
    pub service_role: String,
    /// `execution_role`: reads the configuration of a job from where secrets are kept.
    pub execution_role: String,
    /// Nodes and index of the main one, where a job has several.
    pub nodes: Option<(i32, i32)>,
}

/// The role that AWS Batch has by itself, and uses where no other is named. Only environments with it can be changed in more
/// than their capacity (AWS Batch user guide, "Updating compute environments").
pub const SERVICE_LINKED: &str = "AWSServiceRoleForBatch";

pub(super) fn read(
    read: &Reader<'_>,
    mode: &str,
    partition: Partition,
) -> Result<Batch, SettingsError> {
    let text = |key: &str, default: &str| -> Result<String, SettingsError> {
        Ok(read
            .text(&format!("batch.{key}"))?
            .unwrap_or_else(|| default.to_owned()))
    };
    let count = |key: &str, default| read.count(&format!("batch.{key}"), 0..=i32::MAX, default);
    let kind = read.one_of("batch.compute_resources.type", &["EC2", "SPOT"], "EC2")?;
    let service_role = partition.arns(&text("service_role", "")?);
    let allocation = read.text("batch.compute_resources.allocation_strategy")?;
    let batch = Batch {
        allocation: allocation.or_else(|| allocation_for(&kind, &service_role).map(str::to_owned)),
        vcpus: read.count("batch.vcpus", 1..=1024, 1)?,
        memory: read.count("batch.memory", 4..=i32::MAX, 1024)?,
        enable_gpu: read.flag("batch.enable_gpu")?,
        state: read.one_of("batch.state", &["ENABLED", "DISABLED"], "ENABLED")?,
        kind: read.one_of("batch.type", &["MANAGED", "UNMANAGED"], "MANAGED")?,
        variables: read.texts("batch.environment.Variables")?,
        resource_kind: kind,
        security_groups: read.list("batch.compute_resources.security_group_ids")?,
        desired: count("compute_resources.desired_v_cpus", 0)?,
        min: count("compute_resources.min_v_cpus", 0)?,
        max: count("compute_resources.max_v_cpus", 2)?,
        subnets: read.list("batch.compute_resources.subnets")?,
        instance_types: read.list("batch.compute_resources.instance_types")?,
        launch_template: text("compute_resources.launch_template_name", "faas-supervisor")?,
        instance_role: partition.arns(&text("compute_resources.instance_role", "")?),
        service_role,
        execution_role: partition.arns(&text(
            "execution_role",
            "arn:aws:iam::{account_id}:role/ecsTaskExecutionRole",
        )?),
        nodes: nodes(read)?,
    };
    if mode != "lambda" {
        check_capacity(read, &batch)?;
        for (key, list) in [
            ("security_group_ids", &batch.security_groups),
            ("subnets", &batch.subnets),
        ] {
            if list.is_empty() {
                let remedy = "execution modes lambda-batch and batch need it";
                return Err(read.missing(&format!("batch.compute_resources.{key}"), remedy));
            }
        }
    }
    Ok(batch)
}

/// AWS Batch would say so only after everything else has been made.
fn check_capacity(read: &Reader<'_>, batch: &Batch) -> Result<(), SettingsError> {
    let key = |name: &str| format!("batch.compute_resources.{name}");
    let (min, max) = (batch.min, batch.max);
    if max < min.max(1) {
        let expected = format!("at least 1, and at least min_v_cpus, which is {min}");
        return Err(read.invalid(&key("max_v_cpus"), &expected));
    }
    if !(min..=max).contains(&batch.desired) {
        let expected = format!("from min_v_cpus, {min}, to max_v_cpus, {max}");
        return Err(read.invalid(&key("desired_v_cpus"), &expected));
    }
    if batch.kind == "MANAGED" && batch.vcpus > max {
        let expected =
            format!("at most batch.compute_resources.max_v_cpus, {max}: the job would never start");
        return Err(read.invalid("batch.vcpus", &expected));
    }
    Ok(())
}

/// Without a strategy AWS Batch takes one that needs a fleet role for spot instances, and that rules out later changes.
fn allocation_for(kind: &str, service_role: &str) -> Option<&'static str> {
    match kind {
        "SPOT" => Some("SPOT_PRICE_CAPACITY_OPTIMIZED"),
        _ if service_role.is_empty() || service_role.ends_with(SERVICE_LINKED) => {
            Some("BEST_FIT_PROGRESSIVE")
        }
        _ => None,
    }
}

fn nodes(read: &Reader<'_>) -> Result<Option<(i32, i32)>, SettingsError> {
    if !read.flag("batch.multi_node_parallel.enabled")? {
        return Ok(None);
    }
    let number = read.count("batch.multi_node_parallel.number_nodes", 1..=1000, 1)?;
    let main = read.count(
        "batch.multi_node_parallel.main_node_index",
        0..=number - 1,
        0,
    )?;
    Ok(Some((number, main)))
}
