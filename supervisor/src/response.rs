//! The answer: what an invocation came to, as each kind of caller understands it. Pure.
//!
//! [`render`] is the whole table of outcome × source; a new outcome or source does not compile without its cell.

mod payload;

use std::time::Duration;

use crate::config::OnFailure;
use crate::event::Source;

pub use payload::{cut_marker, log_limit, shorten};

/// Largest response that is sent, in bytes of JSON (Lambda quotas: 6 MB for a synchronous payload).
pub const PAYLOAD_LIMIT: usize = 6 * 1024 * 1024;

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
    /// Something around the container failed.
    Failed(Failure),
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
    /// Time the container was given, where there was a limit.
    pub time_limit: Option<Duration>,
}

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
/// | | storage | direct |
/// |---|---|---|
/// | exit 0 | payload 200, log | the same |
/// | exit n | `ContainerFailed` | payload 500, log, header `x-faas-exit-code` |
/// | killed | `ContainerKilled` | payload 500, log |
/// | timed out | `ContainerTimedOut` | payload 504, log so far |
/// | failed | the failure's name | payload 500, `{"exception": …}` |
///
/// With [`OnFailure::Respond`] the direct column holds for storage too.
pub fn render(finished: &Finished, source: Source, on_failure: OnFailure) -> Wire {
    match (source, on_failure, error_type(&finished.outcome)) {
        (Source::Storage, OnFailure::Error, Some(error_type)) => Wire::FunctionError {
            error_type: error_type.to_owned(),
            message: payload::error_message(finished),
        },
        (Source::Storage, OnFailure::Error | OnFailure::Respond, _) | (Source::Direct, _, _) => {
            Wire::Payload(payload::build(finished))
        }
    }
}

/// Name of the function error an outcome becomes; none for success.
fn error_type(outcome: &Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Exited { code: 0 } => None,
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
        Outcome::Failed(_) => 1,
    }
}

/// The outcome that speaks for several runs: the first of the worst kind, where failing is worse than timing out,
/// that worse than being killed, that worse than exiting with a code. No runs at all are a success.
pub fn worst(outcomes: Vec<Outcome>) -> Outcome {
    let severity = |outcome: &Outcome| match outcome {
        Outcome::Exited { code: 0 } => 0,
        Outcome::Exited { .. } => 1,
        Outcome::Killed { .. } => 2,
        Outcome::TimedOut => 3,
        Outcome::Failed(_) => 4,
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
