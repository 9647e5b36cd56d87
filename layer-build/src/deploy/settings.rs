//! The settings of one function, merged and checked: the command line wins over the function file, that over `scar.cfg`, and
//! that over the defaults.

pub mod api;
pub mod batch;
pub mod error;
pub mod function;
pub mod network;
mod reader;
pub mod sources;

use config::DispatchMode;
use serde_json::Value;

use super::cfg;
use super::partition::Partition;
use crate::layer::arch::Arch;

pub use api::ApiGateway;
pub use batch::Batch;
pub use error::SettingsError;
pub use function::{BucketFolder, Function, Runtime};
pub use network::{FileSystem, Vpc};
pub use sources::Sources;

/// Profile and region of the requests to one service: a section's `boto_profile` and `region`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Section {
    /// Profile of the AWS configuration files.
    pub profile: String,
    /// Region.
    pub region: String,
}

/// How packages get to Lambda (`lambda.deployment`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// Bucket that large packages go through and that jobs fetch the supervisor from.
    pub bucket: Option<String>,
    /// Largest package sent with a request, in bytes.
    pub max_payload_size: u64,
    /// Largest package that goes through the bucket, in bytes unpacked.
    pub max_s3_payload_size: u64,
}

/// The layer (`lambda.supervisor`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Supervisor {
    /// The wanted version; `latest` is that of the local layer.
    pub version: String,
    /// The layer's name.
    pub layer_name: String,
    /// Licence that is shown with it.
    pub license_info: String,
}

impl Supervisor {
    /// Whether the version is the default file's.
    pub fn is_default(&self) -> bool {
        let default = cfg::defaults();
        default.pointer("/aws/lambda/supervisor/version") == Some(&self.version.as_str().into())
    }
}

/// Settings of one function.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The function itself (`lambda`).
    pub function: Function,
    /// Processor.
    pub arch: Arch,
    /// `lambda.deployment`.
    pub deployment: Deployment,
    /// `lambda.supervisor`.
    pub supervisor: Supervisor,
    /// `iam.role`: ARN or name; empty when not set.
    pub role: String,
    /// Where the role is set, or would be set, for a message.
    pub role_origin: String,
    /// Profile and region of `iam`.
    pub iam: Section,
    /// Profile and region of `lambda`.
    pub lambda: Section,
    /// Profile and region of `s3`.
    pub s3: Section,
    /// Profile and region of `api_gateway`.
    pub api: Section,
    /// Profile and region of `cloudwatch`.
    pub cloudwatch: Section,
    /// Profile and region of `batch`.
    pub batch_section: Section,
    /// `s3.event`: what `run` sends for each file of a bucket.
    pub event: Value,
    /// `api_gateway`.
    pub api_gateway: ApiGateway,
    /// `cloudwatch.log_retention_policy_in_days`.
    pub retention_days: i32,
    /// `batch`.
    pub batch: Batch,
    /// `storage_providers` of the function's file.
    pub storage_providers: Value,
    /// The merged configuration.
    pub merged: Value,
    /// Remarks for the user.
    pub notices: Vec<String>,
}

impl Settings {
    /// Whether the function submits jobs to AWS Batch.
    pub fn uses_batch(&self) -> bool {
        self.function.execution_mode != DispatchMode::Lambda
    }

    /// The bucket for packages and jobs: the configured one, else the account's own if there are jobs.
    pub fn deployment_bucket(&self, account: &str) -> Option<String> {
        let own = || format!("faas-supervisor-{account}-{}", self.lambda.region);
        self.deployment
            .bucket
            .clone()
            .or_else(|| self.uses_batch().then(own))
    }

    /// Reads and checks the settings.
    ///
    /// # Errors
    /// [`SettingsError`]: the first wrong key, and where it was set.
    pub fn read(sources: &Sources) -> Result<Self, SettingsError> {
        let merged = sources.merged();
        let read = reader::Reader::new(&merged, sources);
        let section = |name: &str| -> Result<Section, SettingsError> {
            Ok(Section {
                profile: read
                    .text(&format!("{name}.boto_profile"))?
                    .unwrap_or_else(|| "default".to_owned()),
                // The section `iam` has no region: that of the function is used.
                region: match read.text(&format!("{name}.region"))? {
                    Some(region) => region,
                    None => read
                        .text("lambda.region")?
                        .unwrap_or_else(|| "us-east-1".to_owned()),
                },
            })
        };
        let mut notices = Vec::new();
        let (function, arch) = function::read(&read, &mut notices)?;
        let lambda = section("lambda")?;
        let partition = Partition::of(&lambda.region);
        Ok(Self {
            arch,
            deployment: Deployment {
                bucket: read.text("lambda.deployment.bucket")?,
                max_payload_size: read.size("lambda.deployment.max_payload_size", 52_428_800)?,
                max_s3_payload_size: read
                    .size("lambda.deployment.max_s3_payload_size", 262_144_000)?,
            },
            supervisor: Supervisor {
                version: read
                    .text("lambda.supervisor.version")?
                    .unwrap_or_else(|| "latest".to_owned()),
                layer_name: read
                    .text("lambda.supervisor.layer_name")?
                    .unwrap_or_else(|| "faas-supervisor".to_owned()),
                license_info: read
                    .text("lambda.supervisor.license_info")?
                    .unwrap_or_else(|| "Apache 2.0".to_owned()),
            },
            role: read.text("iam.role")?.unwrap_or_default(),
            role_origin: sources.origin("iam.role"),
            iam: section("iam")?,
            lambda,
            s3: section("s3")?,
            api: section("api_gateway")?,
            cloudwatch: section("cloudwatch")?,
            batch_section: section("batch")?,
            event: event(read.value("s3.event"), partition),
            api_gateway: api::read(&read, partition)?,
            retention_days: read.retention("cloudwatch.log_retention_policy_in_days")?,
            batch: batch::read(&read, function.execution_mode, partition)?,
            storage_providers: sources.storage_providers(),
            function,
            merged: merged.clone(),
            notices,
        })
    }
}

/// The template of an event, with the ARNs of the function's partition.
fn event(template: Option<&Value>, partition: Partition) -> Value {
    let text = partition.arns(&template.map(Value::to_string).unwrap_or_default());
    serde_json::from_str(&text).unwrap_or_default()
}
