//! How an invocation, or a record of it, ends.

use super::failure::Failure;

/// How an invocation ended. An exit code or a timeout is an outcome, not an error.
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

    /// Name of the function error that the outcome becomes; none for success.
    pub(super) fn error_type(&self) -> Option<&'static str> {
        match self {
            Self::Exited { code: 0 } | Self::Delegated { .. } => None,
            Self::Exited { .. } => Some("ContainerFailed"),
            Self::Killed { .. } => Some("ContainerKilled"),
            Self::TimedOut => Some("ContainerTimedOut"),
            Self::Failed(failure) => Some(failure.name.as_str()),
        }
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
