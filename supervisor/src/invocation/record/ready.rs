//! What comes before a record's command: its image and its input, at the same time.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use crate::{
    invocation::{RecordReport, Site, report::RecordPhase},
    plan::RunPlan,
    response::Outcome,
    stage_in::{StagedInput, stage_in},
};
use container::{ContainerError, Direct, Prepared, workspace::RecordDir};

use super::{RecordError, Runner, image_source, phase_outcome};

/// Where a record's command runs.
pub(super) enum Target<'a> {
    Container(Box<Prepared>),
    Here(&'a Direct),
}

impl Runner<'_> {
    /// Prepares the image and downloads the input at the same time.
    pub(super) async fn get_ready(
        &self,
        plan: &RunPlan,
        record: &RecordDir,
        report: &mut RecordReport,
    ) -> Result<(Target<'_>, Option<StagedInput>), RecordError> {
        let (mut prepare_time, mut stage_in_time) = (Duration::ZERO, Duration::ZERO);
        let input_dir = record.input();
        // Both to their end: an image that is half prepared when an input is missing would have
        // to be prepared again.
        let (prepared, input) = tokio::join!(
            timed(&mut prepare_time, self.prepare()),
            timed(&mut stage_in_time, self.download(plan, &input_dir)),
        );
        report.phases.prepare = prepare_time;
        report.phases.stage_in = stage_in_time;
        let done = prepared.as_ref().map(|_| Outcome::SUCCESS);
        report.note(RecordPhase::Prepare, phase_outcome(&done));
        let done = input.as_ref().map(|_| Outcome::SUCCESS);
        report.note(RecordPhase::StageIn, phase_outcome(&done));
        let input = input?;
        Ok((prepared?, input))
    }

    async fn prepare(&self) -> Result<Target<'_>, RecordError> {
        if let Site::Here(direct) = &self.services.site {
            return Ok(Target::Here(direct));
        }
        let image = image_source(&self.services.config).ok_or(ContainerError::NoImage)?;
        let temp = self.workspace.udocker_tmp();
        let prepared = self
            .services
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

async fn timed<T>(elapsed: &mut Duration, work: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let done = work.await;
    *elapsed = started.elapsed();
    done
}
