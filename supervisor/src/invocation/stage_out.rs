//! Step 5: uploads the outputs of a record, and puts them into the answer.

use std::{io, path::Path, time::Instant};

use tokio::sync::watch;

use super::{
    answer_file,
    collect::Collector,
    monitor::Phase,
    phases::{Phases, RecordPhase},
    record_error::RecordError,
    request::WhenCancelled,
    step::{Steps, outcome_of, phase_outcome},
};
use crate::{
    response::{FailureName, Outcome},
    stage_out::{UploadReport, stage_out},
};
use container::{RunEnd, off_thread::off_thread, workspace::RecordDir};
use environment::{Limits, Stop};

/// What became of the outputs of a record.
pub(super) struct StagedOutputs {
    /// What arrived in the stores.
    pub(super) upload: UploadReport,
    /// The files for the answer: those of earlier records and this one's.
    pub(super) collector: Option<Collector>,
    /// Why the record fails, though its command ended.
    pub(super) error: Option<RecordError>,
    /// The phases that were reached.
    pub(super) phases: Phases,
}

impl Steps<'_> {
    /// Uploads the outputs of record number `index`, whose command ended with `end`, and keeps them for the answer.
    pub(super) async fn stage_out(
        &self,
        index: usize,
        record: &RecordDir,
        end: RunEnd,
        collector: Option<Collector>,
    ) -> StagedOutputs {
        let limits = match self.limits_of_outputs(end) {
            Ok(limits) => limits,
            Err(error) => {
                return StagedOutputs {
                    upload: UploadReport::default(),
                    collector,
                    error: Some(error),
                    phases: Phases::default(),
                };
            }
        };
        self.enter(Phase::StagingOut);
        let started = Instant::now();
        let (upload, upload_error) = self.upload(&record.output(), &limits).await;
        let outcome = outcome_of(end);
        let kept = match outcome {
            Outcome::Exited { code: 0 } => {
                self.keep_for_answer(index, record, collector, &limits)
                    .await
            }
            _ => Ok(collector),
        };
        let (collector, kept_error) = match kept {
            Ok(collector) => (collector, None),
            Err(error) => (None, Some(error)),
        };
        let upload_error = upload_error.map(|error| error.after(&outcome));
        let error = upload_error.or(kept_error);
        let ended = phase_outcome(error.as_ref().map_or(Ok(&Outcome::SUCCESS), Err));
        StagedOutputs {
            upload,
            collector,
            error,
            phases: Phases::default().with(RecordPhase::StageOut, ended, started.elapsed()),
        }
    }

    /// What arrived, and why not all of it did.
    async fn upload(&self, dir: &Path, limits: &Limits) -> (UploadReport, Option<RecordError>) {
        let progress = &self.invocation.monitor.sent;
        let stores = &self.services.stores;
        let staging = Box::pin(stage_out(stores, self.outputs, dir, progress));
        tokio::select! {
            staged = staging => match staged {
                Ok(upload) => (upload, None),
                Err(error) => {
                    let message = error.to_string();
                    (error.arrived(), Some(failed(message)))
                }
            },
            stop = limits.reached() => (UploadReport::default(), Some(stopped(stop, "upload every output"))),
        }
    }

    /// Puts the output files into the answer, while they are still there.
    async fn keep_for_answer(
        &self,
        index: usize,
        record: &RecordDir,
        collector: Option<Collector>,
        limits: &Limits,
    ) -> Result<Option<Collector>, RecordError> {
        let output = record.output();
        if let Some(file) = self.answer_file {
            let file = file.to_owned();
            let writing = off_thread(move || answer_file::write(&output, &file));
            in_time(writing, limits).await?;
            return Ok(collector);
        }
        let Some(collector) = collector else {
            return Ok(None);
        };
        let folder = (self.count > 1).then(|| (index + 1).to_string());
        let collecting = off_thread(move || collector.add(&output, folder.as_deref()));
        in_time(collecting, limits).await.map(Some)
    }

    /// Until when outputs are uploaded after a run with this end: longer than the container may run.
    ///
    /// # Errors
    /// Why they are not uploaded: the invocation is cancelled, or a job repeats the record.
    fn limits_of_outputs(&self, end: RunEnd) -> Result<Limits, RecordError> {
        if end == RunEnd::TimedOut && self.services.delegator.is_some() {
            return Err(RecordError::TimedOut("running the container"));
        }
        let deadline = self.invocation.time.end_at;
        match (end, self.invocation.when_cancelled) {
            (RunEnd::Cancelled(signal), WhenCancelled::Drop) => Err(RecordError::Cancelled(signal)),
            (RunEnd::Cancelled(_), WhenCancelled::UploadWithin(time)) => {
                let last = tokio::time::Instant::now() + time;
                Ok(Limits {
                    deadline: Some(deadline.map_or(last, |deadline| deadline.min(last))),
                    grace: self.invocation.time.grace,
                    // A second signal changes nothing.
                    cancelled: watch::Sender::new(None).subscribe(),
                })
            }
            _ => Ok(Limits {
                deadline,
                ..self.limits()
            }),
        }
    }
}

/// Waits for work on another thread. Compressing takes time, during which this thread handles signals and other
/// invocations.
async fn in_time<T>(
    work: impl Future<Output = io::Result<T>>,
    limits: &Limits,
) -> Result<T, RecordError> {
    let done = tokio::select! {
        done = work => done,
        stop = limits.reached() => return Err(stopped(stop, "put the output files into the answer")),
    };
    done.map_err(|e| failed(format!("cannot put the output files into the answer: {e}")))
}

fn failed(message: String) -> RecordError {
    RecordError::failed(FailureName::StageOutFailed, message)
}

fn stopped(stop: Stop, doing: &str) -> RecordError {
    match stop {
        Stop::Cancelled(signal) => RecordError::Cancelled(signal),
        Stop::Deadline => failed(format!(
            "no time left to {doing}; raise container.timeout_threshold"
        )),
    }
}
