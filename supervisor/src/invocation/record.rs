//! One record: stage in while the image is prepared, run, stage out.

mod after;
mod delegate;
mod files;
mod ready;
mod record_error;

use std::{collections::BTreeMap, path::Path, time::Instant};

use crate::{
    plan::{OutputTarget, Paths, RunPlan},
    response::Outcome,
    stage_in::StagedInput,
};
use config::FunctionConfig;
use container::{
    self, Container, RunEnd, RunReport, RunRequest,
    exec::log::{Keep, LogSink},
    prepare::slots::Slot,
    workspace::{RecordDir, Workspace},
};
use environment::Limits;
use image::ImageSource;

use files::write_files;
use ready::Target;
use record_error::{RecordError, local_failure, with_end};

use super::{
    Invocation, Phase, RecordReport, Services,
    collect::Collector,
    narration,
    report::{PhaseOutcome, PhaseTimes, RecordPhase},
};

/// The image that the configuration names; an archive wins over a name.
pub fn image_source(config: &FunctionConfig) -> Option<ImageSource> {
    let container = &config.container;
    match (&container.image_file, &container.image) {
        (Some(path), _) => Some(ImageSource::Archive(path.clone())),
        (None, Some(name)) => Some(ImageSource::Registry(name.clone())),
        (None, None) => None,
    }
}

/// Runs the records of one invocation.
pub(super) struct Runner<'a> {
    pub(super) services: &'a Services,
    /// Whose container it is.
    pub(super) slot: Slot,
    pub(super) invocation: &'a Invocation<'a>,
    pub(super) workspace: &'a Workspace,
    pub(super) outputs: &'a [OutputTarget],
    /// Where output files are kept for the answer, if they are.
    pub(super) collector: Option<Collector>,
    /// Where the answer is put as a file, if it is.
    pub(super) answer_file: Option<&'a Path>,
}

impl Runner<'_> {
    /// Runs one record; whatever happens is in its report.
    pub(super) async fn run(
        &mut self,
        index: usize,
        count: usize,
        plan: &RunPlan,
        sink: &mut dyn LogSink,
    ) -> RecordReport {
        narration::record_begins(index, count, &plan.label);
        let mut report = RecordReport {
            label: plan.label.clone(),
            item: plan.item,
            outcome: Outcome::TimedOut,
            log: Vec::new(),
            bytes_in: 0,
            uploaded: Vec::new(),
            phases: PhaseTimes::default(),
            outcomes: BTreeMap::new(),
        };
        let (outcome, line) = match self.delegates_at_once() {
            Some(delegator) => {
                self.hand_over(delegator, "execution_mode is batch", index, plan)
                    .await
            }
            None => match self.attempt(index, count, plan, sink, &mut report).await {
                Ok(outcome) => (outcome, String::new()),
                Err(broken) => self.settle(broken, index, plan).await,
            },
        };
        if !line.is_empty() {
            sink.lines(container::exec::log::Stream::Stderr, line.as_bytes());
            report.log.extend_from_slice(line.as_bytes());
        }
        report.outcome = outcome;
        narration::record_done(&report);
        report
    }

    async fn attempt(
        &mut self,
        index: usize,
        count: usize,
        plan: &RunPlan,
        sink: &mut dyn LogSink,
        report: &mut RecordReport,
    ) -> Result<Outcome, RecordError> {
        if let Some(stop) = self.limits().reached_now() {
            return Err(RecordError::stopped(
                stop,
                "waiting for the records before this one",
            ));
        }
        let record = self
            .workspace
            .record(index)
            .map_err(|e| local_failure("make the record's directories", &e))?;
        self.enter(Phase::Preparing);
        let (target, input) = Box::pin(self.get_ready(plan, &record, report)).await?;
        report.bytes_in = input.as_ref().map_or(0, |i| i.bytes);
        write_files(plan, &record).map_err(|e| local_failure("write the script", &e))?;

        self.enter(Phase::Running);
        let ran = self
            .run_command(count, plan, &record, &target, input.as_ref(), sink)
            .await;
        let ended = ran.as_ref().map(|ran| outcome_of(ran.end));
        report.note(RecordPhase::Run, phase_outcome(&ended));
        let ran = ran?;
        report.phases.run = ran.elapsed;
        report.log = ran.log.read().unwrap_or_default();
        if ran.end == RunEnd::TimedOut && self.services.delegator.is_some() {
            // Outputs so far are not uploaded: the job begins anew.
            return Err(RecordError::TimedOut("running the container"));
        }
        let limits = self.limits_of_outputs(ran.end)?;

        self.enter(Phase::StagingOut);
        let started = Instant::now();
        let uploaded = self.upload(&record.output(), &limits).await;
        let outcome = outcome_of(ran.end);
        let kept = match outcome {
            Outcome::Exited { code: 0 } => {
                self.keep_for_answer(index, count, &record, &limits).await
            }
            _ => Ok(()),
        };
        report.phases.stage_out = started.elapsed();
        let stored = uploaded.as_ref().map_err(|(broken, _)| broken);
        let stored = stored.and(kept.as_ref()).map(|()| Outcome::SUCCESS);
        report.note(RecordPhase::StageOut, phase_outcome(&stored));
        match uploaded {
            Ok(done) => {
                report.uploaded = done.uploaded;
                kept.map(|()| outcome)
            }
            Err((broken, done)) => {
                report.uploaded = done;
                Err(match broken {
                    RecordError::Failed(failure) => {
                        RecordError::Failed(with_end(failure, &outcome))
                    }
                    stopped => stopped,
                })
            }
        }
    }

    async fn run_command(
        &self,
        count: usize,
        plan: &RunPlan,
        record: &RecordDir,
        target: &Target<'_>,
        input: Option<&StagedInput>,
        sink: &mut dyn LogSink,
    ) -> Result<RunReport, RecordError> {
        let (input_dir, output_dir, event_file) =
            (record.input(), record.output(), record.event_file());
        let variables = plan.environment(&Paths {
            input_dir: &input_dir,
            output_dir: &output_dir,
            input_file: input.map(|i| i.path.as_path()),
            event_file: &event_file,
        });
        let request = RunRequest {
            record,
            command: plan.entry.command(&record.script()),
            variables: &variables,
            limits: self.limits(),
            keep: share(self.invocation.keep, count),
        };
        let temp = self.workspace.udocker_tmp();
        Ok(match target {
            Target::Container(prepared) => {
                let container = Container {
                    prepared,
                    task_root: self.services.extra_payload(),
                };
                let udocker = &self.services.udocker;
                container::run::in_container::run(udocker, container, request, &temp, sink).await?
            }
            Target::Here(direct) => direct.run(request, sink).await?,
        })
    }

    fn limits(&self) -> Limits {
        self.invocation.limits()
    }

    fn enter(&self, phase: Phase) {
        self.invocation.monitor.phase.send_replace(phase);
    }
}

/// What metrics make of a phase.
fn phase_outcome<E: std::borrow::Borrow<RecordError>>(ended: &Result<Outcome, E>) -> PhaseOutcome {
    match ended.as_ref().map_err(std::borrow::Borrow::borrow) {
        Ok(Outcome::Exited { code: 0 }) => PhaseOutcome::Succeeded,
        Ok(Outcome::TimedOut) | Err(RecordError::TimedOut(_)) => PhaseOutcome::TimedOut,
        Ok(_) | Err(_) => PhaseOutcome::Failed,
    }
}

/// Each record may fill its share of the answer.
fn share(keep: Keep, count: usize) -> Keep {
    let count = u64::try_from(count).unwrap_or(1).max(1);
    Keep {
        head: (keep.head / count).max(1024),
        tail: (keep.tail / count).max(1024),
    }
}

fn outcome_of(end: RunEnd) -> Outcome {
    match end {
        RunEnd::Exited(code) => Outcome::Exited { code },
        RunEnd::Killed(signal) | RunEnd::Cancelled(signal) => Outcome::Killed { signal },
        RunEnd::TimedOut => Outcome::TimedOut,
    }
}
