//! What happens to the outputs of a record once its container is done.

use std::path::Path;

use crate::{
    container::{Limits, Stop},
    response::Failure,
    stage_out::{UploadReport, Uploaded, stage_out},
    workspace::RecordDir,
};

use super::{Runner, broken::Broken};

impl Runner<'_> {
    pub(super) async fn upload(&self, dir: &Path) -> Result<UploadReport, (Broken, Vec<Uploaded>)> {
        let progress = &self.invocation.monitor.sent;
        let staging = Box::pin(stage_out(
            &self.services.stores,
            self.outputs,
            dir,
            progress,
        ));
        let failed = |message| {
            Broken::Failed(Failure {
                name: "StageOutFailed",
                message,
            })
        };
        let limits = self.limits_to_end();
        tokio::select! {
            staged = staging => staged.map_err(|e| (failed(e.to_string()), e.uploaded)),
            stop = limits.reached() => Err((match stop {
                Stop::Cancelled(signal) => Broken::Cancelled(signal),
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
    ) -> Result<(), Broken> {
        let Some(collector) = self.collector.take() else {
            return Ok(());
        };
        let failure = |message| {
            Broken::Failed(Failure {
                name: "StageOutFailed",
                message,
            })
        };
        let folder = (count > 1).then(|| (index + 1).to_string());
        let output = record.output();
        // Compressing takes processor time, during which signals and other invocations must be heard.
        let collecting =
            tokio::task::spawn_blocking(move || collector.add(&output, folder.as_deref()));
        let limits = self.limits_to_end();
        let collected = tokio::select! {
            collected = collecting => collected.map_err(|e| failure(e.to_string()))?,
            stop = limits.reached() => return Err(match stop {
                Stop::Cancelled(signal) => Broken::Cancelled(signal),
                Stop::Deadline => failure(
                    "no time left to put the output files into the answer; raise container.timeout_threshold"
                        .to_owned(),
                ),
            }),
        };
        let collector = collected
            .map_err(|e| failure(format!("cannot put the output files into the answer: {e}")))?;
        self.collector = Some(collector);
        Ok(())
    }

    /// Uploads are given up later than the container is.
    fn limits_to_end(&self) -> Limits {
        Limits {
            deadline: self.invocation.time.end_at,
            ..self.limits()
        }
    }
}
