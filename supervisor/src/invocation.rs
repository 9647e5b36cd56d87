//! The pipeline: one event in, one report out. The file to read first.
//!
//! Nothing here fails the process: whatever goes wrong becomes the [`Outcome`] of a record, and the
//! workspace, the container's processes and the variables of one invocation are gone before the
//! next begins.

mod answer_file;
mod archive;
mod collect;
mod narration;
mod record;
pub mod report;
pub mod time;
mod understand;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use crate::{
    batch::Delegator,
    config::{ExecutionMode, FunctionConfig},
    container::{
        Direct, UdockerSettings,
        log::{Keep, LogSink},
        prepare::Preparer,
        slots::Slots,
        udocker::Udocker,
    },
    environment::Environment,
    event::Event,
    network::Network,
    plan::{InvocationContext, Plan},
    response::{Failure, Outcome},
    storage::{Progress, StoreSettings, Stores},
    workspace::{Retention, Workspace},
};

pub use self::{
    collect::AnswerFiles,
    record::image_source,
    report::{RecordReport, Report},
    time::TimeBudget,
    understand::understand,
};

/// What stays from one invocation to the next: the configuration, warm clients, prepared images.
#[derive(Debug)]
pub struct Services {
    pub(crate) config: FunctionConfig,
    pub(crate) stores: Stores,
    pub(crate) udocker: Udocker,
    pub(crate) preparer: Preparer,
    pub(crate) site: Site,
    pub(crate) delegator: Option<Delegator>,
    slots: Slots,
    temp_dir: PathBuf,
    /// The next invocation's, where it is there already.
    next: Mutex<Option<Workspace>>,
}

/// Where commands run.
#[derive(Debug)]
pub enum Site {
    /// In a container of the configured image, through udocker.
    Container,
    /// In the image that the supervisor itself is in.
    Here(Direct),
}

impl Services {
    /// Nothing is connected or started yet: a cold start pays for what it uses.
    pub fn new(config: FunctionConfig, environment: &Environment, stores: StoreSettings) -> Self {
        let container = &config.container;
        let settings = UdockerSettings::new(environment, container.engine, container.execmode);
        let udocker = Udocker::new(settings);
        Self {
            stores: Stores::new(stores),
            preparer: Preparer::new(
                udocker.clone(),
                config.container.prepare,
                config.container.keep_layers,
            ),
            udocker,
            site: Site::Container,
            delegator: None,
            slots: Slots::default(),
            temp_dir: environment.temp_dir(),
            next: Mutex::default(),
            config,
        }
    }

    /// The same for a job or an image function, whose commands run beside the supervisor. `command` is the image's own.
    #[must_use]
    pub fn here(mut self, environment: &Environment, command: Vec<String>) -> Self {
        let credentials = self.config.container.aws_credentials;
        let supervisor = self.udocker.settings().supervisor.clone();
        let direct = Direct::new(supervisor, environment, credentials, command);
        self.site = Site::Here(direct);
        self
    }

    /// The same for a function, which may delegate to AWS Batch if its `execution_mode` says so.
    #[must_use]
    pub fn delegating(mut self, region: Option<String>, network: Network) -> Self {
        self.delegator = match self.config.execution_mode {
            ExecutionMode::Lambda => None,
            ExecutionMode::LambdaBatch | ExecutionMode::Batch => {
                Some(Delegator::new(&self.config, region, network))
            }
        };
        self
    }

    /// The configuration.
    pub fn config(&self) -> &FunctionConfig {
        &self.config
    }

    /// Where workspaces are made.
    pub fn temp_dir(&self) -> &Path {
        &self.temp_dir
    }

    /// Does what the next invocation need not wait for then. To be called when one has been answered.
    pub fn make_ready(&self) {
        if let Site::Here(_) = self.site {
            return;
        }
        let mut next = self.next();
        if next.as_ref().is_some_and(|it| it.path().is_dir()) {
            return;
        }
        let made = Workspace::create(&self.temp_dir, Retention::Remove).and_then(|workspace| {
            let record = workspace.record(0)?;
            self.udocker.make_ready(&record, &workspace.udocker_tmp());
            Ok(workspace)
        });
        match made {
            Ok(workspace) => *next = Some(workspace),
            Err(error) => tracing::debug!(%error, "no workspace in advance"),
        }
    }

    /// The workspace that is there, else a new one.
    fn workspace(&self, retention: Retention) -> io::Result<Workspace> {
        let ready = self.next().take();
        match ready.filter(|it| it.path().is_dir()) {
            Some(workspace) => Ok(workspace.with(retention)),
            None => Workspace::create(&self.temp_dir, retention),
        }
    }

    fn next(&self) -> MutexGuard<'_, Option<Workspace>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The udocker that runs containers.
    pub fn udocker(&self) -> &Udocker {
        &self.udocker
    }

    /// The preparer of images.
    pub fn preparer(&self) -> &Preparer {
        &self.preparer
    }
}

/// Where an invocation is, for a progress display.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The image is prepared and the input is downloaded.
    Preparing,
    /// The container runs.
    Running,
    /// Outputs are uploaded.
    StagingOut,
}

/// What an invocation lets others see while it runs.
#[derive(Debug, Clone)]
pub struct Monitor {
    /// The phase.
    pub phase: Arc<watch::Sender<Phase>>,
    /// Bytes downloaded.
    pub received: Progress,
    /// Bytes uploaded.
    pub sent: Progress,
}

impl Default for Monitor {
    fn default() -> Self {
        Self {
            phase: Arc::new(watch::Sender::new(Phase::Preparing)),
            received: Progress::default(),
            sent: Progress::default(),
        }
    }
}

/// What happens to the outputs of a run that the supervisor was told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenCancelled {
    /// Nothing: there is no time, or nobody wants them.
    Drop,
    /// What is there by then is uploaded, for at most this long.
    UploadWithin(std::time::Duration),
}

/// One event and the circumstances it arrived under.
#[derive(Debug)]
pub struct Invocation<'a> {
    /// The event's bytes.
    pub payload: &'a [u8],
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
    /// Turns into `Some(signal)` when the supervisor is told to stop.
    pub cancelled: watch::Receiver<Option<i32>>,
    /// What happens to the outputs then.
    pub when_cancelled: WhenCancelled,
    /// For a progress display.
    pub monitor: Monitor,
}

/// Runs one invocation: every record of the event, each in its own directories.
pub async fn invoke(
    services: &Services,
    invocation: &Invocation<'_>,
    sink: &mut dyn LogSink,
) -> Report {
    let started = std::time::Instant::now();
    let commands = services.udocker.commands();
    let mut report = match understand(services, invocation) {
        Err((source, failure)) => Report::failed(source, failure),
        Ok((event, plan)) => {
            narration::understood(&event, &plan);
            if services.delegator.is_none() {
                narration::runs_here(services.config.execution_mode);
            }
            let mut report = Report::new(event.source.clone(), event.skipped.clone());
            match services.workspace(invocation.retention) {
                Err(error) => report.outcome = Outcome::Failed(workspace_failure(&error)),
                Ok(workspace) => {
                    run_all(
                        services,
                        invocation,
                        (&event, &plan),
                        &workspace,
                        sink,
                        &mut report,
                    )
                    .await;
                    if invocation.retention == Retention::Keep {
                        report.workspace = Some(workspace.path().to_owned());
                    }
                }
            }
            report
        }
    };
    report.udocker_commands = services.udocker.commands() - commands;
    report.elapsed = started.elapsed();
    narration::done(&report);
    report
}

/// Every record, one after the other, and what the event holds that is beyond use.
async fn run_all(
    services: &Services,
    invocation: &Invocation<'_>,
    (event, plan): (&Event, &Plan),
    workspace: &Workspace,
    sink: &mut dyn LogSink,
    report: &mut Report,
) {
    for item in &event.items {
        report.items.push(item.id.clone());
    }
    for (index, item) in event.items.iter().enumerate() {
        if let Some(error) = &item.rejected {
            let failure = failure("EventInvalid", error.to_string());
            let rejected = RecordReport::rejected(&item.id, index, failure);
            narration::record_done(&rejected);
            report.add(rejected);
        }
    }
    let mut runner = record::Runner {
        slot: services.slots.take(),
        services,
        invocation,
        workspace,
        outputs: &plan.outputs,
        collector: collect::collector(services.config(), &invocation.answer_files, event),
        answer_file: collect::answer_file(&invocation.answer_files, event),
    };
    for (index, run) in plan.runs.iter().enumerate() {
        report.add(runner.run(index, plan.runs.len(), run, sink).await);
    }
    report.files = runner.collector.and_then(collect::Collector::finish);
}

fn failure(name: &'static str, message: String) -> Failure {
    Failure { name, message }
}

fn workspace_failure(error: &std::io::Error) -> Failure {
    failure(
        "WorkspaceFailed",
        format!("{error}; set TMPDIR to a directory with room to write"),
    )
}
