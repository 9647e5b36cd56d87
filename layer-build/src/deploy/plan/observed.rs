//! What exists in AWS for one function.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::values::{CREATED_BY, CREATOR};

/// The account and user of the credentials.
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
    /// Its configuration, in the shape of [`super::values::function_value`].
    pub value: Value,
    /// SHA-256 of its package, in base64; for an image function its image.
    pub code: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Ids of the statements of its policy, each with the ARN on whose behalf it may be called.
    pub statements: BTreeMap<String, String>,
}

impl FunctionState {
    /// Whether this command or SCAR deployed it.
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
    /// Its tags; `None` when the user may not read them.
    pub tags: Option<BTreeMap<String, String>>,
    /// How many days it keeps logs; `None` for ever.
    pub retention: Option<i32>,
}

/// A bucket that exists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BucketState {
    /// Its notification configuration, as S3 sends it.
    pub notification: String,
    /// Those of the wanted folders that exist.
    pub folders: BTreeSet<String>,
}

/// The HTTP endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApiState {
    /// Its id.
    pub id: String,
    /// Its configuration, in the shape of [`super::values::api_value`].
    pub value: Value,
}

/// The compute environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentState {
    /// Its values, in the shape of [`super::values::environment_value`].
    pub value: Value,
    /// Which of its keys can be changed.
    pub changeable: Changeable,
}

/// Which keys of a compute environment can be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changeable {
    /// Its instances, network and roles too.
    Everything,
    /// State and capacity.
    Capacity,
}

/// Who made what AWS Batch has under a function's name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ownership {
    /// This command, as the tags say.
    Ours,
    /// Unknown, so possibly somebody else.
    #[default]
    Unknown,
}

/// The HTTP endpoints of a function.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// The endpoint with the wanted name.
    pub wanted: Option<ApiState>,
    /// Ids of all others.
    pub others: Vec<String>,
}

/// What AWS Batch has under the function's name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BatchState {
    /// Version of the launch template that fetches the wanted supervisor.
    pub template_version: Option<String>,
    /// The compute environment.
    pub environment: Option<EnvironmentState>,
    /// Who made environment, queue and definitions.
    pub ownership: Ownership,
    /// State of the queue.
    pub queue: Option<String>,
    /// The newest job definition's values.
    pub definition: Option<Value>,
    /// ARNs of all active job definitions.
    pub definitions: Vec<String>,
    /// Whether the deployment bucket has the supervisor of the local layer.
    pub supervisor: bool,
    /// Text of the jobs' secret configuration, if there is one.
    pub secret: Option<String>,
}

/// Everything that exists for one function.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// Account and user.
    pub account: Account,
    /// ARN of the function's role.
    pub role: String,
    /// ARN of the published layer version that fits.
    pub layer: Option<String>,
    /// A remark for the user about the layer.
    pub notice: Option<String>,
    /// The function.
    pub function: Option<FunctionState>,
    /// Its log group.
    pub log_group: Option<LogGroupState>,
    /// Those of the function's buckets that exist.
    pub buckets: BTreeMap<String, BucketState>,
    /// Its HTTP endpoint.
    pub api: Option<ApiState>,
    /// Ids of its endpoints that are not wanted.
    pub other_apis: Vec<String>,
    /// AWS Batch.
    pub batch: BatchState,
}
