//! The supervisor's own log lines about an invocation, in one place. They never contain event bodies or variables.

use std::time::Duration;

use crate::{event::Event, plan::Plan, response::Outcome};
use config::DispatchMode;

use super::report::{RecordReport, Report};

/// Says that `execution_mode` has no effect here: only functions delegate.
pub(super) fn runs_here(mode: DispatchMode) {
    if mode != DispatchMode::Lambda {
        tracing::info!("execution_mode counts in Lambda only: the container runs here");
    }
}

/// A record goes on, or begins, as a job.
pub(super) fn delegating(label: &str, why: &str) {
    tracing::info!(record = label, "delegating to AWS Batch: {why}");
}

/// The event was taken apart.
pub(super) fn parsed(event: &Event, plan: &Plan) {
    for reason in &event.skipped {
        tracing::info!("skipped: {reason}");
    }
    tracing::info!(
        source = %event.source,
        records = plan.runs.len(),
        outputs = plan.outputs.len(),
        "event understood"
    );
}

/// A record begins.
pub(super) fn record_begins(index: usize, count: usize, label: &str) {
    if count > 1 {
        tracing::info!(record = label, "record {} of {count}", index + 1);
    } else {
        tracing::info!(record = label, "record");
    }
}

/// A record is done.
pub(super) fn record_done(record: &RecordReport) {
    let (files, label) = (record.upload.uploaded.len(), record.label.as_str());
    match &record.outcome {
        Outcome::Exited { code } => tracing::info!(record = label, code, files, "container exited"),
        Outcome::Killed { signal } => {
            tracing::error!(
                record = label,
                signal,
                files,
                "container killed by a signal"
            );
        }
        Outcome::TimedOut => tracing::error!(record = label, files, "stopped at the deadline"),
        Outcome::Delegated { job_id } => {
            tracing::info!(record = label, job_id, "delegated to AWS Batch");
        }
        Outcome::Failed(failure) => {
            tracing::error!(
                record = label,
                error = failure.name.as_str(),
                "{}",
                failure.message
            );
        }
    }
}

/// The invocation is done.
pub(super) fn done(report: &Report) {
    if let (Outcome::Failed(failure), true) = (&report.outcome, report.records.is_empty()) {
        tracing::error!(error = failure.name.as_str(), "{}", failure.message);
    }
    let phases = report.phases();
    tracing::info!(
        prepare_ms = millis(phases.prepare),
        stage_in_ms = millis(phases.stage_in),
        run_ms = millis(phases.run),
        stage_out_ms = millis(phases.stage_out),
        total_ms = millis(report.elapsed),
        bytes_in = report.bytes_in(),
        bytes_out = report.bytes_out(),
        udocker_commands = report.udocker_commands,
        "invocation done"
    );
}

/// Log services want numbers, and no log line is older than an u64 of milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
