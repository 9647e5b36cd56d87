//! Step 3: prepares the image and downloads the input, at the same time.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use super::{
    image_source::image_source,
    monitor::Phase,
    phases::{Phases, RecordPhase},
    record_error::RecordError,
    services::Site,
    step::{Step, Steps, phase_outcome},
};
use crate::{
    plan::RunPlan,
    response::Outcome,
    stage_in::{StagedInput, stage_in},
};
use container::{ContainerError, Direct, Prepared, workspace::RecordDir};

/// What a record's command needs, in place.
pub(super) struct StagedInputs<'a> {
    /// The record's directories.
    pub(super) record: RecordDir,
    /// Where the command runs.
    pub(super) target: Target<'a>,
    /// The input file, if there is one.
    pub(super) input: Option<StagedInput>,
}

/// Where a record's command runs.
pub(super) enum Target<'a> {
    Container(Box<Prepared>),
    Here(&'a Direct),
}

impl<'a> Steps<'a> {
    /// Prepares the image and downloads the input of record number `index`. Finishes the one even if the other fails: an
    /// image that is half prepared would have to be prepared again.
    pub(super) async fn stage_in(&self, index: usize, plan: &RunPlan) -> Step<StagedInputs<'a>> {
        let record = match self.begin(index) {
            Ok(record) => record,
            Err(error) => return Step::not_reached(error),
        };
        self.enter(Phase::Preparing);
        // What the last run wrote in its container may take the room that the input needs.
        let limits = self.limits();
        tokio::select! {
            () = self.services.preparer.finish_clearing() => {}
            _preparing_reports_it = limits.reached() => {}
        }
        let input_dir = record.input();
        let ((target, prepare_time), (input, stage_in_time)) = tokio::join!(
            timed(self.prepare()),
            timed(self.download(plan, &input_dir)),
        );
        let prepared = phase_outcome(target.as_ref().map(|_| &Outcome::SUCCESS));
        let staged = phase_outcome(input.as_ref().map(|_| &Outcome::SUCCESS));
        Step {
            phases: Phases::default()
                .with(RecordPhase::Prepare, prepared, prepare_time)
                .with(RecordPhase::StageIn, staged, stage_in_time),
            value: input.and_then(|input| {
                Ok(StagedInputs {
                    record,
                    target: target?,
                    input,
                })
            }),
        }
    }

    /// Makes the record's directories, if there is time left for it.
    fn begin(&self, index: usize) -> Result<RecordDir, RecordError> {
        if let Some(stop) = self.limits().reached_now() {
            let doing = "waiting for the records before this one";
            return Err(RecordError::stopped(stop, doing));
        }
        self.workspace
            .record(index)
            .map_err(|e| RecordError::local("make the record's directories", &e))
    }

    async fn prepare(&self) -> Result<Target<'a>, RecordError> {
        let services = self.services;
        if let Site::Here(direct) = &services.site {
            return Ok(Target::Here(direct));
        }
        let image = image_source(&services.config).ok_or(ContainerError::NoImage)?;
        let temp = self.workspace.udocker_tmp();
        let prepared = services
            .preparer
            .prepare(&image, &self.slot, &temp, &self.limits())
            .await?;
        Ok(Target::Container(Box::new(prepared)))
    }

    async fn download(
        &self,
        plan: &RunPlan,
        dir: &Path,
    ) -> Result<Option<StagedInput>, RecordError> {
        let progress = &self.invocation.monitor.received;
        let limits = self.limits();
        let staging = Box::pin(stage_in(&self.services.stores, &plan.input, dir, progress));
        tokio::select! {
            staged = staging => Ok(staged?),
            why = limits.reached() => Err(RecordError::stopped(why, "downloading the input")),
        }
    }
}

/// Measures how long some work takes.
async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let started = Instant::now();
    let done = work.await;
    (done, started.elapsed())
}
