//! What exists in AWS, as far as it matters for one function.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::values::{CREATED_BY, CREATOR};

/// Who calls, and for which account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// The account's number.
    pub id: String,
    /// Name of the user or role.
    pub user: String,
}

/// A function that exists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FunctionState {
    /// Its ARN.
    pub arn: String,
    /// Its configuration, in the shape of [`super::deploy::function_value`].
    pub value: Value,
    /// SHA-256 of its package, in base64; of an image function its image.
    pub code: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Ids of the statements of its policy, each with what it is called on behalf of.
    pub statements: BTreeMap<String, String>,
}

impl FunctionState {
    /// Whether it was deployed with this command, or with SCAR.
    pub fn is_ours(&self) -> bool {
        let by = self.tags.get(CREATED_BY).map(String::as_str);
        by.is_some_and(|by| by == CREATOR || by == "scar")
    }
}

/// The log group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogGroupState {
    /// Its ARN.
    pub arn: String,
    /// Its tags; none when they may not be read.
    pub tags: Option<BTreeMap<String, String>>,
    /// Days; none when logs are kept for ever.
    pub retention: Option<i32>,
}

/// A bucket that exists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BucketState {
    /// Its notification configuration, as S3 sends it.
    pub notification: String,
    /// Folders that were asked about and are there.
    pub folders: BTreeSet<String>,
}

/// The HTTP endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApiState {
    /// Its id.
    pub id: String,
    /// Its configuration, in the shape of [`super::deploy::api_value`].
    pub value: Value,
}

/// The compute environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentState {
    /// Its values, in the shape of [`super::deploy::environment_value`].
    pub value: Value,
    /// What of it can be changed.
    pub changeable: Changeable,
}

/// What of a compute environment can be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changeable {
    /// Its instances, network and roles too.
    Everything,
    /// State and capacity.
    Capacity,
}

/// Who made what AWS Batch has of a name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Maker {
    /// This command, as its tags say.
    Here,
    /// Nobody knows.
    #[default]
    Unknown,
}

/// The HTTP endpoints of a function.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// The one of the wanted name.
    pub wanted: Option<ApiState>,
    /// Ids of all others.
    pub others: Vec<String>,
}

/// What AWS Batch has of this name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BatchState {
    /// Version of the launch template that starts the supervisor at hand.
    pub template_version: Option<String>,
    /// Whether the launch template exists at all.
    pub template_exists: bool,
    /// The compute environment.
    pub environment: Option<EnvironmentState>,
    /// Who made what is there.
    pub maker: Maker,
    /// State of the queue.
    pub queue: Option<String>,
    /// The newest job definition's values.
    pub definition: Option<Value>,
    /// ARNs of all active job definitions.
    pub definitions: Vec<String>,
    /// Whether the supervisor at hand is in the deployment bucket.
    pub supervisor: bool,
    /// Whether the configuration of jobs is kept as a secret, and as which text.
    pub secret: Option<String>,
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// Account and user.
    pub account: Account,
    /// ARN of the function's role.
    pub role: String,
    /// The layer version that fits, if it is published.
    pub layer: Option<String>,
    /// What the user should be told of the layer.
    pub notice: Option<String>,
    /// The function.
    pub function: Option<FunctionState>,
    /// Its log group.
    pub log_group: Option<LogGroupState>,
    /// Buckets that exist, of those that matter.
    pub buckets: BTreeMap<String, BucketState>,
    /// Its HTTP endpoint.
    pub api: Option<ApiState>,
    /// Ids of endpoints that it should not have.
    pub other_apis: Vec<String>,
    /// AWS Batch.
    pub batch: BatchState,
}
