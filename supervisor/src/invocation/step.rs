//! What a step of the pipeline returns, and what the steps of an invocation share.

use std::path::Path;

use super::{
    monitor::Phase,
    phases::{PhaseOutcome, Phases},
    record_error::RecordError,
    request::Invocation,
    services::Services,
};
use crate::{plan::OutputTarget, response::Outcome, stage_out::UploadReport};
use container::{RunEnd, prepare::slots::Slot, workspace::Workspace};
use environment::Limits;

/// The result of a step.
pub(super) struct Step<T> {
    /// The step's value, or why it ends the record.
    pub(super) value: Result<T, RecordError>,
    /// The phases that were reached.
    pub(super) phases: Phases,
}

impl<T> Step<T> {
    /// A step that failed before its first phase.
    pub(super) fn not_reached(error: RecordError) -> Self {
        Self {
            value: Err(error),
            phases: Phases::default(),
        }
    }
}

/// What the steps of each record of one invocation share. No step changes it.
pub(super) struct Steps<'a> {
    pub(super) services: &'a Services,
    pub(super) invocation: &'a Invocation,
    pub(super) workspace: &'a Workspace,
    /// Whose container it is.
    pub(super) slot: Slot,
    /// Where the outputs of every record go.
    pub(super) outputs: &'a [OutputTarget],
    /// How many records there are.
    pub(super) count: usize,
    /// The file that the answer is put into, where it is one.
    pub(super) answer_file: Option<&'a Path>,
}

/// What was done for a record here. A job may repeat it.
#[derive(Default)]
pub(super) struct Attempt {
    /// What the command printed, cut to the record's share of the answer. It is in memory, and the file that it was kept in
    /// is closed: an event may have thousands of records.
    pub(super) log: Vec<u8>,
    /// Bytes of the input.
    pub(super) bytes_in: u64,
    /// What arrived in the stores.
    pub(super) upload: UploadReport,
    /// The phases that were reached.
    pub(super) phases: Phases,
}

impl Steps<'_> {
    /// Until when a container may run.
    pub(super) fn limits(&self) -> Limits {
        self.invocation.limits()
    }

    /// Shows the phase on a progress display.
    pub(super) fn enter(&self, phase: Phase) {
        self.invocation.monitor.phase.send_replace(phase);
    }
}

/// The outcome of a record whose container ended like this.
pub(super) fn outcome_of(end: RunEnd) -> Outcome {
    match end {
        RunEnd::Exited(code) => Outcome::Exited { code },
        RunEnd::Killed(signal) | RunEnd::Cancelled(signal) => Outcome::Killed { signal },
        RunEnd::TimedOut => Outcome::TimedOut,
    }
}

/// What metrics call the end of a phase.
pub(super) fn phase_outcome(ended: Result<&Outcome, &RecordError>) -> PhaseOutcome {
    match ended {
        Ok(Outcome::Exited { code: 0 }) => PhaseOutcome::Succeeded,
        Ok(Outcome::TimedOut) | Err(RecordError::TimedOut(_)) => PhaseOutcome::TimedOut,
        Ok(_) | Err(_) => PhaseOutcome::Failed,
    }
}
