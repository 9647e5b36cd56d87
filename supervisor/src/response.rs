//! The answer: the outcome of an invocation in the form that its caller understands. Pure.
//!
//! [`render`] is the whole table of outcome × source; a new outcome or source does not compile without its cell.

mod failure;
mod files;
mod finished;
mod items;
mod limits;
mod outcome;
mod payload;
mod shorten;

use crate::event::Source;
use config::OnFailure;

pub use self::{
    failure::{Failure, FailureName},
    files::Files,
    finished::{Finished, FinishedItem},
    limits::{
        ALB_PAYLOAD_LIMIT, ERROR_LOG_LIMIT, ITEM_LOG_LIMIT, PAYLOAD_LIMIT, body_limit, log_limit,
    },
    outcome::{Outcome, exit_code, worst},
    shorten::shorten,
};

/// What goes back to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
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
pub fn render(finished: &Finished, source: &Source, on_failure: OnFailure) -> Response {
    match (source, on_failure, finished.outcome.error_type()) {
        (Source::Queue, _, Some(error_type)) if finished.items.is_empty() => {
            function_error(finished, error_type)
        }
        (Source::Queue, _, _) => Response::Payload(items::queue(&finished.items)),
        (Source::Operations(_), _, Some(error_type)) if finished.items.is_empty() => {
            function_error(finished, error_type)
        }
        (Source::Operations(operation), _, _) => {
            Response::Payload(items::operations(operation, &finished.items))
        }
        (Source::Storage | Source::Notification, OnFailure::Error, Some(error_type)) => {
            function_error(finished, error_type)
        }
        (Source::Storage | Source::Notification | Source::Direct | Source::Http(_), _, _) => {
            Response::Payload(payload::build(finished, source))
        }
    }
}

fn function_error(finished: &Finished, error_type: &str) -> Response {
    Response::FunctionError {
        error_type: error_type.to_owned(),
        message: payload::error_message(finished),
    }
}
