//! A job: the supervisor as the command of the user's own image.

use std::collections::BTreeMap;

use aws_sdk_batch::types::{
    ContainerProperties, Host, KeyValuePair, MountPoint, ResourceRequirement, ResourceType, Secret,
    Volume,
};
use serde_json::{Value, json};

use crate::deploy::aws::ec2::FOLDER;
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

    pub(super) fn container(&self) -> ContainerProperties {
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
