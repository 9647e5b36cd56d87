//! What happens to the outputs of a record once its container is done.

use std::path::Path;

use tokio::sync::watch;

use crate::{
    invocation::{WhenCancelled, answer_file},
    response::{Failure, FailureName},
    stage_out::{UploadReport, Uploaded, stage_out},
};
use container::{RunEnd, workspace::RecordDir};
use environment::{Limits, Stop};

use super::{Runner, record_error::RecordError};

impl Runner<'_> {
    pub(super) async fn upload(
        &self,
        dir: &Path,
        limits: &Limits,
    ) -> Result<UploadReport, (RecordError, Vec<Uploaded>)> {
        let progress = &self.invocation.monitor.sent;
        let staging = Box::pin(stage_out(
            &self.services.stores,
            self.outputs,
            dir,
            progress,
        ));
        let failed =
            |message| RecordError::Failed(Failure::new(FailureName::StageOutFailed, message));
        tokio::select! {
            staged = staging => staged.map_err(|e| (failed(e.to_string()), e.uploaded)),
            stop = limits.reached() => Err((match stop {
                Stop::Cancelled(signal) => RecordError::Cancelled(signal),
                Stop::Deadline => failed(
                    "no time left to upload every output; raise container.timeout_threshold"
                        .to_owned(),
                ),
            }, Vec::new())),
        }
    }

    /// The output files for the answer, while they are still there.
    pub(super) async fn keep_for_answer(
        &mut self,
        index: usize,
        count: usize,
        record: &RecordDir,
        limits: &Limits,
    ) -> Result<(), RecordError> {
        let output = record.output();
        if let Some(file) = self.answer_file {
            let file = file.to_owned();
            let writing = tokio::task::spawn_blocking(move || answer_file::write(&output, &file));
            return in_time(writing, limits).await;
        }
        let Some(collector) = self.collector.take() else {
            return Ok(());
        };
        let folder = (count > 1).then(|| (index + 1).to_string());
        let collecting =
            tokio::task::spawn_blocking(move || collector.add(&output, folder.as_deref()));
        self.collector = Some(in_time(collecting, limits).await?);
        Ok(())
    }

    /// Until when outputs are handled after a run with this end.
    ///
    /// # Errors
    /// [`RecordError::Cancelled`] when they are dropped.
    pub(super) fn limits_of_outputs(&self, end: RunEnd) -> Result<Limits, RecordError> {
        // Uploads are given up later than the container is.
        let deadline = self.invocation.time.end_at;
        match (end, self.invocation.when_cancelled) {
            (RunEnd::Cancelled(signal), WhenCancelled::Drop) => Err(RecordError::Cancelled(signal)),
            (RunEnd::Cancelled(_), WhenCancelled::UploadWithin(time)) => {
                let last = tokio::time::Instant::now() + time;
                Ok(Limits {
                    deadline: Some(deadline.map_or(last, |deadline| deadline.min(last))),
                    grace: self.invocation.time.grace,
                    // The order was followed; nobody gives another.
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

/// Waits for work on another thread: compressing takes processor time, during which signals and other invocations must
/// be heard.
async fn in_time<T>(
    work: tokio::task::JoinHandle<std::io::Result<T>>,
    limits: &Limits,
) -> Result<T, RecordError> {
    let failure = |message| RecordError::Failed(Failure::new(FailureName::StageOutFailed, message));
    let done = tokio::select! {
        done = work => done.map_err(|e| failure(e.to_string()))?,
        stop = limits.reached() => return Err(match stop {
            Stop::Cancelled(signal) => RecordError::Cancelled(signal),
            Stop::Deadline => failure(
                "no time left to put the output files into the answer; raise container.timeout_threshold"
                    .to_owned(),
            ),
        }),
    };
    done.map_err(|e| failure(format!("cannot put the output files into the answer: {e}")))
}
