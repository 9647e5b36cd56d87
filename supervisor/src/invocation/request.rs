//! What an entry asks of an invocation.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

use super::{collect::AnswerFiles, monitor::Monitor, time::TimeBudget};
use crate::plan::InvocationContext;
use container::{exec::log::Keep, workspace::Retention};
use environment::Limits;

/// One event and the circumstances it arrived under.
#[derive(Debug)]
pub struct Invocation {
    /// The event's bytes, shared with what is made of them.
    pub payload: Bytes,
    /// Who asks, and who we are.
    pub context: InvocationContext,
    /// When it must be over.
    pub time: TimeBudget,
    /// How much of the output is kept for the answer.
    pub keep: Keep,
    /// Whether output files are kept for the answer, where the configuration asks for it.
    pub answer_files: AnswerFiles,
    /// What happens to the workspace.
    pub retention: Retention,
    /// Becomes `Some(signal)` when the supervisor is told to stop.
    pub cancelled: watch::Receiver<Option<i32>>,
    /// What happens to the outputs then.
    pub when_cancelled: WhenCancelled,
    /// For a progress display.
    pub monitor: Monitor,
}

impl Invocation {
    /// Until when a container may run.
    pub(super) fn limits(&self) -> Limits {
        Limits {
            deadline: self.time.stop_at,
            grace: self.time.grace,
            cancelled: self.cancelled.clone(),
        }
    }
}

/// What happens to the outputs of a run that the supervisor was told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenCancelled {
    /// Nothing: there is no time, or nobody wants them.
    Drop,
    /// Files that exist by then are uploaded, for at most this long.
    UploadWithin(Duration),
}
