//! Job definitions: looks them up, registers and deregisters them.

use std::collections::BTreeMap;

use aws_sdk_batch::types::{
    JobDefinition, JobDefinitionType, NodeProperties, NodeRangeProperty, ResourceRequirement,
    ResourceType,
};
use serde_json::{Value, json};

use super::job::Job;
use super::tags::{is_ours, tags};
use crate::deploy::aws::Services;
use crate::deploy::aws::error::{AwsError, Context, ignore_absence};
use crate::deploy::plan::observed::Ownership;

/// An active job definition.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// Its ARN.
    pub arn: String,
    /// Comparable values.
    pub value: Value,
    /// Who made it.
    pub ownership: Ownership,
}

/// Every active job definition of a name, newest first.
///
/// # Errors
/// [`AwsError`].
pub async fn definitions(services: &Services, name: &str) -> Result<Vec<Definition>, AwsError> {
    let request = services
        .batch
        .describe_job_definitions()
        .job_definition_name(name)
        .status("ACTIVE");
    let pages = request.into_paginator().items().send();
    let mut found = pages
        .collect::<Result<Vec<_>, _>>()
        .await
        .context(format!("look up job definition {name}"))?;
    found.sort_by_key(|definition| -definition.revision().unwrap_or_default());
    Ok(found
        .iter()
        .map(|found| Definition {
            arn: found.job_definition_arn().unwrap_or_default().to_owned(),
            value: value(found),
            ownership: if is_ours(found.tags()) {
                Ownership::Ours
            } else {
                Ownership::Unknown
            },
        })
        .collect())
}

fn value(found: &JobDefinition) -> Value {
    let nodes = found.node_properties();
    let of_nodes = nodes.and_then(|nodes| nodes.node_range_properties().first()?.container());
    let Some(container) = found.container_properties().or(of_nodes) else {
        return Value::Null;
    };
    let requirement = |kind: ResourceType| {
        let mut all = container.resource_requirements().iter();
        all.find(|requirement| requirement.r#type() == Some(&kind))
            .and_then(ResourceRequirement::value)
            .map(str::to_owned)
    };
    let pairs = container.environment().iter();
    let environment: BTreeMap<_, _> = pairs
        .filter_map(|pair| Some((pair.name()?, pair.value()?)))
        .collect();
    let secrets = container.secrets().iter();
    let secrets: BTreeMap<_, _> = secrets
        .filter_map(|secret| Some((secret.name()?, secret.value_from()?)))
        .collect();
    json!({
        "image": container.image(),
        "vcpus": requirement(ResourceType::Vcpu),
        "memory": requirement(ResourceType::Memory),
        "gpu": requirement(ResourceType::Gpu),
        "environment": environment,
        "secrets": secrets,
        "execution_role": container.execution_role_arn(),
        "nodes": nodes.map(|nodes| json!({ "number_nodes": nodes.num_nodes(), "main_node_index": nodes.main_node() })),
    })
}

/// Registers a definition.
///
/// # Errors
/// [`AwsError`].
pub async fn register(services: &Services, name: &str, job: &Job) -> Result<(), AwsError> {
    let request = services
        .batch
        .register_job_definition()
        .job_definition_name(name)
        .set_tags(Some(tags(name)));
    let request = match job.nodes {
        None => request
            .r#type(JobDefinitionType::Container)
            .container_properties(job.container()),
        Some((number, main)) => {
            let all = NodeRangeProperty::builder()
                .target_nodes("0:")
                .container(job.container())
                .build();
            let nodes = NodeProperties::builder()
                .num_nodes(number)
                .main_node(main)
                .node_range_properties(all)
                .build();
            request
                .r#type(JobDefinitionType::Multinode)
                .node_properties(nodes)
        }
    };
    request
        .send()
        .await
        .context(format!("register job definition {name}"))
        .map(drop)
}

/// Deregisters a definition.
///
/// # Errors
/// [`AwsError`].
pub async fn deregister(services: &Services, arn: &str) -> Result<(), AwsError> {
    ignore_absence(
        services
            .batch
            .deregister_job_definition()
            .job_definition(arn)
            .send()
            .await
            .context(format!("deregister {arn}")),
    )
}
