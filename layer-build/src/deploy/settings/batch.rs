//! `batch`: the compute environment that jobs run in, and what a job is given.

use std::collections::BTreeMap;

use config::DispatchMode;

use super::error::SettingsError;
use super::reader::Reader;
use crate::deploy::partition::Partition;

/// Who manages the instances of a compute environment (`batch.type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnvironmentType {
    /// AWS Batch.
    Managed,
    /// The user.
    Unmanaged,
}

impl EnvironmentType {
    /// AWS Batch's name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Managed => "MANAGED",
            Self::Unmanaged => "UNMANAGED",
        }
    }
}

/// What jobs run on (`batch.compute_resources.type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceType {
    /// On-demand instances.
    Ec2,
    /// Spot instances.
    Spot,
}

impl ResourceType {
    /// AWS Batch's name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ec2 => "EC2",
            Self::Spot => "SPOT",
        }
    }
}

/// Settings of jobs. `{account_id}` in roles is filled in when they are used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Processors of a job.
    pub vcpus: i32,
    /// Memory of a job in MB.
    pub memory: i32,
    /// Whether a job gets a GPU.
    pub enable_gpu: bool,
    /// State of environment and queue: `ENABLED` or `DISABLED`.
    pub state: String,
    /// `batch.type`.
    pub environment_type: EnvironmentType,
    /// Variables of a job.
    pub variables: BTreeMap<String, String>,
    /// `compute_resources.type`.
    pub resource_type: ResourceType,
    /// `security_group_ids`.
    pub security_groups: Vec<String>,
    /// `desired_v_cpus`.
    pub desired: i32,
    /// `min_v_cpus`.
    pub min: i32,
    /// `max_v_cpus`.
    pub max: i32,
    /// `subnets`.
    pub subnets: Vec<String>,
    /// `instance_types`.
    pub instance_types: Vec<String>,
    /// `allocation_strategy`, or the one that suits the other settings; `None` leaves it to AWS Batch.
    pub allocation: Option<String>,
    /// `launch_template_name`.
    pub launch_template: String,
    /// `instance_role`.
    pub instance_role: String,
    /// `service_role`.
    pub service_role: String,
    /// `execution_role`: the role that reads the jobs' secret configuration.
    pub execution_role: String,
    /// Number of nodes and index of the main one, for jobs on several nodes.
    pub nodes: Option<(i32, i32)>,
}

/// The service-linked role of AWS Batch, which it uses where no other is named. Only in environments with this role can more
/// than the capacity be changed (AWS Batch user guide, "Updating compute environments").
pub const SERVICE_LINKED_ROLE: &str = "AWSServiceRoleForBatch";

pub(super) fn read(
    read: &Reader<'_>,
    mode: DispatchMode,
    partition: Partition,
) -> Result<Batch, SettingsError> {
    let text = |key: &str, default: &str| -> Result<String, SettingsError> {
        Ok(read
            .text(&format!("batch.{key}"))?
            .unwrap_or_else(|| default.to_owned()))
    };
    let count = |key: &str, default| read.count(&format!("batch.{key}"), 0..=i32::MAX, default);
    let resource_type = read.choice(
        "batch.compute_resources.type",
        &[("EC2", ResourceType::Ec2), ("SPOT", ResourceType::Spot)],
    )?;
    let service_role = partition.arns(&text("service_role", "")?);
    let allocation = read.text("batch.compute_resources.allocation_strategy")?;
    let batch = Batch {
        allocation: allocation
            .or_else(|| allocation_for(resource_type, &service_role).map(str::to_owned)),
        vcpus: read.count("batch.vcpus", 1..=1024, 1)?,
        memory: read.count("batch.memory", 4..=i32::MAX, 1024)?,
        enable_gpu: read.flag("batch.enable_gpu")?,
        state: read
            .choice(
                "batch.state",
                &[("ENABLED", "ENABLED"), ("DISABLED", "DISABLED")],
            )?
            .to_owned(),
        environment_type: read.choice(
            "batch.type",
            &[
                ("MANAGED", EnvironmentType::Managed),
                ("UNMANAGED", EnvironmentType::Unmanaged),
            ],
        )?,
        variables: read.texts("batch.environment.Variables")?,
        resource_type,
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
    if mode != DispatchMode::Lambda {
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

/// Checks the numbers of processors, which AWS Batch would refuse only after everything else has been created.
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
    if batch.environment_type == EnvironmentType::Managed && batch.vcpus > max {
        let expected =
            format!("at most batch.compute_resources.max_v_cpus, {max}: the job would never start");
        return Err(read.invalid("batch.vcpus", &expected));
    }
    Ok(())
}

/// The strategy that suits the other settings. AWS Batch's own default rules out later changes, and needs a fleet role for spot
/// instances.
fn allocation_for(resource_type: ResourceType, service_role: &str) -> Option<&'static str> {
    let is_linked = service_role.is_empty() || service_role.ends_with(SERVICE_LINKED_ROLE);
    match resource_type {
        ResourceType::Spot => Some("SPOT_PRICE_CAPACITY_OPTIMIZED"),
        ResourceType::Ec2 => is_linked.then_some("BEST_FIT_PROGRESSIVE"),
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
