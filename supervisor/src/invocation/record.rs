//! One record: stage in while the image is prepared, run, stage out.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::{Duration, Instant},
};

use crate::{
    config::FunctionConfig,
    container::{
        self, ContainerCommand, ContainerError, ImageSource, Limits, Prepared, RunReport,
        RunRequest, Stop,
        log::{Keep, LogSink},
        run::RunEnd,
    },
    plan::{Entry, OutputTarget, Paths, RunPlan},
    response::{Failure, Outcome},
    stage_in::{StageInError, StagedInput, stage_in},
    stage_out::{UploadReport, Uploaded, stage_out},
    workspace::{RecordDir, Workspace},
};

use super::{Invocation, Phase, RecordReport, Services, narration, report::PhaseTimes};

/// The image that the configuration names; an archive wins over a name.
pub fn image_source(config: &FunctionConfig) -> Option<ImageSource> {
    let container = &config.container;
    match (&container.image_file, &container.image) {
        (Some(path), _) => Some(ImageSource::Archive(path.clone())),
        (None, Some(name)) => Some(ImageSource::Registry(name.clone())),
        (None, None) => None,
    }
}

/// Why a record did not get as far as its container's end.
enum Broken {
    Failed(Failure),
    TimedOut(&'static str),
    Cancelled(i32),
}

impl Broken {
    fn stopped(why: Stop, doing: &'static str) -> Self {
        match why {
            Stop::Deadline => Self::TimedOut(doing),
            Stop::Cancelled(signal) => Self::Cancelled(signal),
        }
    }
}

impl From<ContainerError> for Broken {
    fn from(error: ContainerError) -> Self {
        match error {
            ContainerError::Stopped { why, .. } => Self::stopped(why, "preparing the image"),
            error => Self::Failed(Failure {
                name: "ImageFailed",
                message: error.to_string(),
            }),
        }
    }
}

impl From<StageInError> for Broken {
    fn from(error: StageInError) -> Self {
        Self::Failed(Failure {
            name: "StageInFailed",
            message: error.to_string(),
        })
    }
}

fn local_failure(action: &str, error: &io::Error) -> Broken {
    Broken::Failed(Failure {
        name: "WorkspaceFailed",
        message: format!("cannot {action}: {error}"),
    })
}

/// Runs the records of one invocation.
pub(super) struct Runner<'a> {
    pub(super) services: &'a Services,
    pub(super) invocation: &'a Invocation<'a>,
    pub(super) workspace: &'a Workspace,
    pub(super) outputs: &'a [OutputTarget],
}

impl Runner<'_> {
    /// Runs one record; whatever happens is in its report.
    pub(super) async fn run(
        &self,
        index: usize,
        count: usize,
        plan: &RunPlan,
        sink: &mut dyn LogSink,
    ) -> RecordReport {
        narration::record_begins(index, count, &plan.label);
        let mut report = RecordReport {
            label: plan.label.clone(),
            outcome: Outcome::TimedOut,
            log: Vec::new(),
            bytes_in: 0,
            uploaded: Vec::new(),
            phases: PhaseTimes::default(),
        };
        report.outcome = match self.attempt(index, count, plan, sink, &mut report).await {
            Ok(outcome) => outcome,
            Err(Broken::Failed(failure)) => Outcome::Failed(failure),
            Err(Broken::Cancelled(signal)) => Outcome::Killed { signal },
            Err(Broken::TimedOut(doing)) => {
                let line = format!("[stopped at the deadline while {doing}]\n");
                sink.lines(container::log::Stream::Stderr, line.as_bytes());
                report.log.extend_from_slice(line.as_bytes());
                Outcome::TimedOut
            }
        };
        narration::record_done(&report);
        report
    }

    async fn attempt(
        &self,
        index: usize,
        count: usize,
        plan: &RunPlan,
        sink: &mut dyn LogSink,
        report: &mut RecordReport,
    ) -> Result<Outcome, Broken> {
        if let Some(stop) = self.limits().reached_now() {
            return Err(Broken::stopped(
                stop,
                "waiting for the records before this one",
            ));
        }
        let record = self
            .workspace
            .record(index)
            .map_err(|e| local_failure("make the record's directories", &e))?;
        self.enter(Phase::Preparing);
        let (prepared, input) = Box::pin(self.get_ready(plan, &record, &mut report.phases)).await?;
        report.bytes_in = input.as_ref().map_or(0, |i| i.bytes);
        write_files(plan, &record).map_err(|e| local_failure("write the script", &e))?;

        self.enter(Phase::Running);
        let ran = self
            .run_container(count, plan, &record, &prepared, input.as_ref(), sink)
            .await?;
        report.phases.run = ran.elapsed;
        report.log = ran.log.read().unwrap_or_default();
        if let RunEnd::Cancelled(signal) = ran.end {
            return Err(Broken::Cancelled(signal));
        }

        self.enter(Phase::StagingOut);
        let started = Instant::now();
        let uploaded = self.upload(&record.output()).await;
        report.phases.stage_out = started.elapsed();
        let outcome = outcome_of(ran.end);
        match uploaded {
            Ok(done) => {
                report.uploaded = done.uploaded;
                Ok(outcome)
            }
            Err((broken, done)) => {
                report.uploaded = done;
                Err(match broken {
                    Broken::Failed(failure) => Broken::Failed(with_end(failure, &outcome)),
                    stopped => stopped,
                })
            }
        }
    }

    /// Prepares the image and downloads the input at the same time.
    async fn get_ready(
        &self,
        plan: &RunPlan,
        record: &RecordDir,
        phases: &mut PhaseTimes,
    ) -> Result<(Prepared, Option<StagedInput>), Broken> {
        let (mut prepare_time, mut stage_in_time) = (Duration::ZERO, Duration::ZERO);
        let input_dir = record.input();
        // Both to their end: an image that is half prepared when an input is missing would have
        // to be prepared again.
        let (prepared, input) = tokio::join!(
            timed(&mut prepare_time, self.prepare()),
            timed(&mut stage_in_time, self.download(plan, &input_dir)),
        );
        phases.prepare = prepare_time;
        phases.stage_in = stage_in_time;
        let input = input?;
        Ok((prepared?, input))
    }

    async fn prepare(&self) -> Result<Prepared, Broken> {
        let image = image_source(&self.services.config).ok_or(ContainerError::NoImage)?;
        let temp = self.workspace.udocker_tmp();
        let prepared = self
            .services
            .preparer
            .prepare(&image, &temp, &self.limits())
            .await?;
        Ok(prepared)
    }

    async fn download(&self, plan: &RunPlan, dir: &Path) -> Result<Option<StagedInput>, Broken> {
        let progress = &self.invocation.monitor.received;
        let limits = self.limits();
        let staging = Box::pin(stage_in(&self.services.stores, &plan.input, dir, progress));
        tokio::select! {
            staged = staging => Ok(staged?),
            why = limits.reached() => Err(Broken::stopped(why, "downloading the input")),
        }
    }

    async fn run_container(
        &self,
        count: usize,
        plan: &RunPlan,
        record: &RecordDir,
        prepared: &Prepared,
        input: Option<&StagedInput>,
        sink: &mut dyn LogSink,
    ) -> Result<RunReport, Broken> {
        let (input_dir, output_dir, event_file) =
            (record.input(), record.output(), record.event_file());
        let variables = plan.environment(&Paths {
            input_dir: &input_dir,
            output_dir: &output_dir,
            input_file: input.map(|i| i.path.as_path()),
            event_file: &event_file,
        });
        let task_root = self.services.udocker.settings().task_root.as_path();
        let extra_payload = self.services.config.extra_payload.is_some() && task_root.is_dir();
        let request = RunRequest {
            prepared,
            record,
            command: ContainerCommand::new(&plan.entry, &record.script()),
            variables: &variables,
            task_root: extra_payload.then_some(task_root),
            limits: self.limits(),
            keep: share(self.invocation.keep, count),
        };
        let temp = self.workspace.udocker_tmp();
        Ok(container::run::run(&self.services.udocker, request, &temp, sink).await?)
    }

    async fn upload(&self, dir: &Path) -> Result<UploadReport, (Broken, Vec<Uploaded>)> {
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
        let limits = Limits {
            deadline: self.invocation.time.end_at,
            ..self.limits()
        };
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

    fn limits(&self) -> Limits {
        Limits {
            deadline: self.invocation.time.stop_at,
            grace: self.invocation.time.grace,
            cancelled: self.invocation.cancelled.clone(),
        }
    }

    fn enter(&self, phase: Phase) {
        self.invocation.monitor.phase.send_replace(phase);
    }
}

async fn timed<T>(elapsed: &mut Duration, work: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let done = work.await;
    *elapsed = started.elapsed();
    done
}

/// Each record may fill its share of the answer.
fn share(keep: Keep, count: usize) -> Keep {
    let count = u64::try_from(count).unwrap_or(1).max(1);
    Keep {
        head: (keep.head / count).max(1024),
        tail: (keep.tail / count).max(1024),
    }
}

/// The event and the script, where the container finds them.
fn write_files(plan: &RunPlan, record: &RecordDir) -> io::Result<()> {
    write_new(&record.event_file(), plan.event_json.as_bytes(), 0o600)?;
    match &plan.entry {
        Entry::Script(script) => write_new(&record.script(), script, 0o700),
        Entry::InitScript(path) => {
            let script = fs::read(path).map_err(|e| {
                io::Error::new(e.kind(), format!("init_script {}: {e}", path.display()))
            })?;
            write_new(&record.script(), &script, 0o700)
        }
        Entry::Arguments(_) | Entry::ImageDefault => Ok(()),
    }
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?
        .write_all(bytes)
}

fn outcome_of(end: RunEnd) -> Outcome {
    match end {
        RunEnd::Exited(code) => Outcome::Exited { code },
        RunEnd::Killed(signal) | RunEnd::Cancelled(signal) => Outcome::Killed { signal },
        RunEnd::TimedOut => Outcome::TimedOut,
    }
}

/// A failed upload hides how the container ended: its message says it.
fn with_end(mut failure: Failure, outcome: &Outcome) -> Failure {
    let end = match outcome {
        Outcome::Exited { code: 0 } | Outcome::Failed(_) => return failure,
        Outcome::Exited { code } => format!("exited with code {code}"),
        Outcome::Killed { signal } => format!("was killed by signal {signal}"),
        Outcome::TimedOut => "was stopped at the deadline".to_owned(),
    };
    failure.message.push_str("; before that, the container ");
    failure.message.push_str(&end);
    failure
}
