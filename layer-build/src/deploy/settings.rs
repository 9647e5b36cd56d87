//! Everything that is known about one function, merged and checked: command line over function file over `scar.cfg` over
//! defaults.

pub mod api;
pub mod batch;
pub mod error;
pub mod function;
pub mod network;
mod reader;
pub mod sources;

use serde_json::Value;

use super::cfg;
use super::partition::Partition;
use crate::layer::arch::Arch;

pub use api::ApiGateway;
pub use batch::Batch;
pub use error::SettingsError;
pub use function::{Function, Place, Runtime};
pub use network::{FileSystem, Vpc};
pub use sources::Sources;

/// Where calls to one service go: a section's `boto_profile` and `region`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Section {
    /// Profile of the AWS configuration files.
    pub profile: String,
    /// Region.
    pub region: String,
}

/// Sizes and place of a package (`lambda.deployment`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// Bucket that large packages go through, and jobs fetch the supervisor from.
    pub bucket: Option<String>,
    /// Largest package sent with a request, in bytes.
    pub max_payload_size: u64,
    /// Largest package that goes through the bucket, in bytes unpacked.
    pub max_s3_payload_size: u64,
}

/// The layer (`lambda.supervisor`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Supervisor {
    /// Version wanted; `latest` is the one at hand.
    pub version: String,
    /// The layer's name.
    pub layer_name: String,
    /// Licence shown with it.
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
    /// Where the user sets the role, for a message.
    pub role_place: String,
    /// Where calls go, by section.
    pub iam: Section,
    /// As `iam`.
    pub lambda: Section,
    /// As `iam`.
    pub s3: Section,
    /// As `iam`.
    pub api: Section,
    /// As `iam`.
    pub cloudwatch: Section,
    /// As `iam`.
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
    /// Everything merged, as it was read.
    pub merged: Value,
    /// What the user should be told.
    pub notices: Vec<String>,
}

impl Settings {
    /// Whether the function hands work to AWS Batch.
    pub fn uses_batch(&self) -> bool {
        self.function.execution_mode != "lambda"
    }

    /// The bucket for packages and jobs: the configured one, or one of this account's own when a job needs one.
    pub fn deployment_bucket(&self, account: &str) -> Option<String> {
        let own = || format!("faas-supervisor-{account}-{}", self.lambda.region);
        self.deployment
            .bucket
            .clone()
            .or_else(|| self.uses_batch().then(own))
    }

    /// Reads and checks.
    ///
    /// # Errors
    /// [`SettingsError`]: the first key that is wrong, with the place where it was set.
    pub fn read(sources: &Sources) -> Result<Self, SettingsError> {
        let merged = sources.merged();
        let read = reader::Reader::new(&merged, sources);
        let section = |name: &str| -> Result<Section, SettingsError> {
            Ok(Section {
                profile: read
                    .text(&format!("{name}.boto_profile"))?
                    .unwrap_or_else(|| "default".to_owned()),
                // IAM has no regions, and is where the function is.
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
            role_place: sources.place("iam.role"),
            iam: section("iam")?,
            lambda,
            s3: section("s3")?,
            api: section("api_gateway")?,
            cloudwatch: section("cloudwatch")?,
            batch_section: section("batch")?,
            event: event(read.value("s3.event"), partition),
            api_gateway: api::read(&read, partition)?,
            retention_days: read.retention("cloudwatch.log_retention_policy_in_days")?,
            batch: batch::read(&read, &function.execution_mode, partition)?,
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
