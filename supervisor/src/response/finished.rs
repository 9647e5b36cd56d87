//! A finished invocation: what an answer is made from.

use std::time::Duration;

use super::{files::Files, outcome::Outcome};

/// A finished invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Its outcome.
    pub outcome: Outcome,
    /// The container's output, both streams in order; see [`super::log_limit`].
    pub log: Vec<u8>,
    /// Id of the invocation.
    pub request_id: String,
    /// Log group, empty outside Lambda.
    pub log_group: String,
    /// Log stream, empty outside Lambda.
    pub log_stream: String,
    /// Ids of the AWS Batch jobs that work was delegated to.
    pub jobs: Vec<String>,
    /// Time the container was given, where there was a limit.
    pub time_limit: Option<Duration>,
    /// The messages or tasks that are answered for one by one.
    pub items: Vec<FinishedItem>,
    /// The files that are answered instead of the log.
    pub files: Option<Files>,
    /// Where the outputs are now.
    pub destinations: Vec<String>,
}

/// A finished message or task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedItem {
    /// What the answer calls it.
    pub id: String,
    /// The worst outcome of its records. A message without records succeeds.
    pub outcome: Outcome,
    /// The end of its records' output, at most [`super::ITEM_LOG_LIMIT`].
    pub log: Vec<u8>,
}
