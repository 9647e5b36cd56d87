//! The answer: what an invocation came to, as each kind of caller understands it. Pure.
//!
//! [`render`] is the whole table of outcome × source; a new outcome or source does not compile without its cell.

mod files;
mod items;
mod payload;
mod shorten;

use std::time::Duration;

use crate::event::{HttpApi, Source};
use config::OnFailure;

pub use files::Files;
pub use shorten::{cut_marker, shorten};

/// Largest response that is sent, in bytes of JSON (Lambda quotas: 6 MB for a synchronous payload).
pub const PAYLOAD_LIMIT: usize = 6 * 1024 * 1024;

/// Largest response a load balancer takes, in bytes of JSON (Elastic Load Balancing user guide, "Lambda functions as
/// targets": 1 MB, read here as the smaller of its two meanings).
pub const ALB_PAYLOAD_LIMIT: usize = 1_000_000;

/// Room kept for everything in a payload but the body. Ids and log names are at most 512 characters each
/// (`CloudWatch` Logs API reference), six times that when every character is escaped.
const ENVELOPE: usize = 16 * 1024;

/// Most of a log that a function error repeats, in bytes: its end.
pub const ERROR_LOG_LIMIT: usize = 4 * 1024;

/// What an invocation came to. An exit code or a timeout is an outcome, not an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The container exited by itself.
    Exited {
        /// Its exit code.
        code: i32,
    },
    /// The container was ended by a signal that was not ours.
    Killed {
        /// The signal's number.
        signal: i32,
    },
    /// The container was stopped at the deadline.
    TimedOut,
    /// An AWS Batch job does the work: instead of a container here, or after one that was stopped at the deadline.
    Delegated {
        /// The job's id.
        job_id: String,
    },
    /// Something around the container failed. For a batch operation that is a `PermanentFailure` when the event or the
    /// configuration is wrong, which does not change by itself, else a `TemporaryFailure`, which is tried again.
    Failed(Failure),
}

impl Outcome {
    /// Nothing went wrong.
    pub const SUCCESS: Self = Self::Exited { code: 0 };
}

/// What failed around the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Name on the wire: `StageInFailed`, `ImageFailed`, `StageOutFailed`, `ConfigInvalid`, `EventInvalid`, …
    pub name: &'static str,
    /// What was being done, to what, and what to do next.
    pub message: String,
}

/// An invocation that came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// What it came to.
    pub outcome: Outcome,
    /// The container's output, both streams in order; see [`log_limit`].
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

/// A message or task that came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedItem {
    /// What the answer calls it.
    pub id: String,
    /// The worst outcome of its records; without any, it needed no run.
    pub outcome: Outcome,
    /// The end of its records' output, at most [`ITEM_LOG_LIMIT`].
    pub log: Vec<u8>,
}

/// Most of a log that the answer for one item repeats, in bytes: its end.
pub const ITEM_LOG_LIMIT: usize = 1024;

/// What goes back to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wire {
    /// A response.
    Payload(serde_json::Value),
    /// A function error: the platform retries, dead-letters and counts it.
    FunctionError {
        /// `ContainerFailed`, `ContainerKilled`, `ContainerTimedOut` or the failure's own name.
        error_type: String,
        /// One line that says what happened, then the end of the log.
        message: String,
    },
}

/// The answer to an invocation:
///
/// | | storage, notification | queue | batch operation | HTTP, direct |
/// |---|---|---|---|---|
/// | exit 0 | payload 200, log | `batchItemFailures` without the message | `Succeeded` | payload 200, log or files |
/// | exit n | `ContainerFailed` | … with it | `PermanentFailure` | payload 500, log, header `x-faas-exit-code` |
/// | killed | `ContainerKilled` | … with it | `PermanentFailure` | payload 500, log |
/// | timed out | `ContainerTimedOut` | … with it | `TemporaryFailure` | payload 504, log so far |
/// | delegated | payload 202, header `x-faas-batch-job-id` | … without it | `Succeeded` | payload 202 |
/// | failed | the failure's name | … with it | see [`Outcome::Failed`] | payload 500, `{"exception": …}` |
///
/// With [`OnFailure::Respond`] the last column holds for storage and notifications too. A failure that comes before any
/// item was looked at is a function error for queues and batch operations: all of them are sent again.
pub fn render(finished: &Finished, source: &Source, on_failure: OnFailure) -> Wire {
    let error_type = error_type(&finished.outcome);
    match (source, on_failure, error_type) {
        (Source::Queue, _, Some(error_type)) if finished.items.is_empty() => {
            function_error(finished, error_type)
        }
        (Source::Queue, _, _) => Wire::Payload(items::queue(&finished.items)),
        (Source::Operations(_), _, Some(error_type)) if finished.items.is_empty() => {
            function_error(finished, error_type)
        }
        (Source::Operations(operation), _, _) => {
            Wire::Payload(items::operations(operation, &finished.items))
        }
        (Source::Storage | Source::Notification, OnFailure::Error, Some(error_type)) => {
            function_error(finished, error_type)
        }
        (Source::Storage | Source::Notification | Source::Direct | Source::Http(_), _, _) => {
            Wire::Payload(payload::build(finished, source))
        }
    }
}

fn function_error(finished: &Finished, error_type: &str) -> Wire {
    Wire::FunctionError {
        error_type: error_type.to_owned(),
        message: payload::error_message(finished),
    }
}

/// Most of a body that an answer to `source` carries, in bytes before base64.
pub fn body_limit(source: &Source) -> usize {
    let payload = match source {
        Source::Http(HttpApi::Alb(_)) => ALB_PAYLOAD_LIMIT,
        _ => PAYLOAD_LIMIT,
    };
    (payload - ENVELOPE) / 4 * 3
}

/// Most of a log that any answer carries, in bytes before base64. Capturing more than this is of no use.
pub const fn log_limit() -> usize {
    (PAYLOAD_LIMIT - ENVELOPE) / 4 * 3
}

/// Name of the function error an outcome becomes; none for success.
fn error_type(outcome: &Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Exited { code: 0 } | Outcome::Delegated { .. } => None,
        Outcome::Exited { .. } => Some("ContainerFailed"),
        Outcome::Killed { .. } => Some("ContainerKilled"),
        Outcome::TimedOut => Some("ContainerTimedOut"),
        Outcome::Failed(failure) => Some(failure.name),
    }
}

/// Exit code of a job or a terminal command: the container's own, `128 + signal` as shells say it, 124 for a timeout
/// as timeout(1) says it, 1 for any other failure.
pub fn exit_code(outcome: &Outcome) -> i32 {
    match outcome {
        Outcome::Exited { code } => *code,
        Outcome::Killed { signal } => 128 + signal,
        Outcome::TimedOut => 124,
        // The function's part is done.
        Outcome::Delegated { .. } => 0,
        Outcome::Failed(_) => 1,
    }
}

/// The outcome that speaks for several runs: the first of the worst kind, where failing is worse than timing out,
/// that worse than being killed, that worse than exiting with a code, and that worse than being delegated. No runs at all are a success.
pub fn worst(outcomes: Vec<Outcome>) -> Outcome {
    let severity = |outcome: &Outcome| match outcome {
        Outcome::Exited { code: 0 } => 0,
        Outcome::Delegated { .. } => 1,
        Outcome::Exited { .. } => 2,
        Outcome::Killed { .. } => 3,
        Outcome::TimedOut => 4,
        Outcome::Failed(_) => 5,
    };
    let worse = |worst: Outcome, next: Outcome| {
        if severity(&next) > severity(&worst) {
            next
        } else {
            worst
        }
    };
    outcomes
        .into_iter()
        .fold(Outcome::Exited { code: 0 }, worse)
}
