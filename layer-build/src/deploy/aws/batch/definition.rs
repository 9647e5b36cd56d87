//! Job definitions: the supervisor as the command of the user's own image.

use std::collections::BTreeMap;

use aws_sdk_batch::types::{
    ContainerProperties, Host, JobDefinition, JobDefinitionType, KeyValuePair, MountPoint,
    NodeProperties, NodeRangeProperty, ResourceRequirement, ResourceType, Secret, Volume,
};
use serde_json::{Value, json};

use super::{is_ours, tags};
use crate::deploy::aws::Services;
use crate::deploy::aws::ec2::FOLDER;
use crate::deploy::aws::error::{AwsError, Doing};
use crate::deploy::aws::lambda::gone;
use crate::deploy::plan::observed::Maker;
use crate::deploy::settings::{Settings, api::fill};

const VOLUME: &str = "supervisor-bin";

/// What a job definition is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The image.
    pub image: String,
    /// Plain variables.
    pub variables: BTreeMap<String, String>,
    /// Variables that come from where secrets are kept, by ARN.
    pub secrets: BTreeMap<String, String>,
    /// Processors.
    pub vcpus: i32,
    /// MB.
    pub memory: i32,
    /// Whether it gets a GPU.
    pub gpu: bool,
    /// Nodes and the main one's index.
    pub nodes: Option<(i32, i32)>,
    /// Reads the secrets.
    pub execution_role: Option<String>,
}

impl Job {
    /// From the settings; `config` is base64 of the configuration, `secret` the ARN where it is when it holds secrets.
    pub fn new(
        settings: &Settings,
        account: &str,
        config: String,
        secret: Option<String>,
        script: Option<String>,
    ) -> Self {
        let batch = &settings.batch;
        let mut variables = batch.variables.clone();
        variables.insert(
            "AWS_LAMBDA_FUNCTION_NAME".to_owned(),
            settings.function.name.clone(),
        );
        variables.extend(script.map(|script| ("SCRIPT".to_owned(), script)));
        let mut secrets = BTreeMap::new();
        match &secret {
            Some(arn) => drop(secrets.insert("FUNCTION_CONFIG".to_owned(), arn.clone())),
            None => drop(variables.insert("FUNCTION_CONFIG".to_owned(), config)),
        }
        Self {
            image: settings.function.image.clone().unwrap_or_default(),
            variables,
            secrets,
            vcpus: batch.vcpus,
            memory: batch.memory,
            gpu: batch.enable_gpu,
            nodes: batch.nodes,
            execution_role: secret.map(|_| fill(&batch.execution_role, &[("account_id", account)])),
        }
    }

    /// For comparison.
    pub fn value(&self) -> Value {
        json!({
            "image": self.image,
            "vcpus": self.vcpus.to_string(),
            "memory": self.memory.to_string(),
            "gpu": self.gpu.then_some("1"),
            "environment": self.variables,
            "secrets": self.secrets,
            "execution_role": self.execution_role,
            "nodes": self.nodes.map(|(number, main)| json!({ "number_nodes": number, "main_node_index": main })),
        })
    }

    fn container(&self) -> ContainerProperties {
        let requirement = |kind: ResourceType, value: String| {
            ResourceRequirement::builder()
                .r#type(kind)
                .value(value)
                .build()
        };
        let mut requirements = vec![
            requirement(ResourceType::Vcpu, self.vcpus.to_string()),
            requirement(ResourceType::Memory, self.memory.to_string()),
        ];
        requirements.extend(
            self.gpu
                .then(|| requirement(ResourceType::Gpu, "1".to_owned())),
        );
        let variables = self.variables.iter();
        let secrets = self
            .secrets
            .iter()
            .map(|(name, arn)| Secret::builder().name(name).value_from(arn).build());
        let secrets: Vec<_> = secrets.collect();
        ContainerProperties::builder()
            .image(&self.image)
            // No shell: the supervisor reads the event from the variable itself, byte for byte.
            .command(format!("{FOLDER}/supervisor"))
            .set_resource_requirements(Some(requirements))
            .set_environment(Some(
                variables
                    .map(|(name, value)| KeyValuePair::builder().name(name).value(value).build())
                    .collect(),
            ))
            .set_secrets(Some(secrets).filter(|secrets| !secrets.is_empty()))
            .set_execution_role_arn(self.execution_role.clone())
            .volumes(
                Volume::builder()
                    .name(VOLUME)
                    .host(Host::builder().source_path(FOLDER).build())
                    .build(),
            )
            .mount_points(
                MountPoint::builder()
                    .source_volume(VOLUME)
                    .container_path(FOLDER)
                    .read_only(true)
                    .build(),
            )
            .build()
    }
}

/// An active job definition.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// Its ARN.
    pub arn: String,
    /// Comparable values.
    pub value: Value,
    /// Who made it.
    pub maker: Maker,
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
        .doing(format!("look up job definition {name}"))?;
    found.sort_by_key(|definition| -definition.revision().unwrap_or_default());
    Ok(found
        .iter()
        .map(|found| Definition {
            arn: found.job_definition_arn().unwrap_or_default().to_owned(),
            value: value(found),
            maker: if is_ours(found.tags()) {
                Maker::Here
            } else {
                Maker::Unknown
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
        .doing(format!("register job definition {name}"))
        .map(drop)
}

/// Deregisters a definition.
///
/// # Errors
/// [`AwsError`].
pub async fn deregister(services: &Services, arn: &str) -> Result<(), AwsError> {
    gone(
        services
            .batch
            .deregister_job_definition()
            .job_definition(arn)
            .send()
            .await
            .doing(format!("deregister {arn}")),
    )
}
