//! The pipeline: one event in, one report out. The file to read first.
//!
//! Nothing here fails the process: whatever goes wrong becomes the [`Outcome`] of a record, and the
//! workspace, the container's processes and the variables of one invocation are gone before the
//! next begins.

mod narration;
mod record;
pub mod report;
pub mod time;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::sync::watch;

use crate::{
    config::{ExecutionMode, FunctionConfig},
    container::{
        UdockerSettings,
        log::{Keep, LogSink},
        prepare::Preparer,
        udocker::Udocker,
    },
    environment::Environment,
    event::{self, Event, Source},
    plan::{self, Entry, InvocationContext, Plan},
    response::{Failure, Outcome},
    storage::{Progress, StoreSettings, Stores},
    workspace::{Retention, Workspace},
};

pub use self::{
    record::image_source,
    report::{RecordReport, Report},
    time::TimeBudget,
};

/// What stays from one invocation to the next: the configuration, warm clients, prepared images.
#[derive(Debug)]
pub struct Services {
    pub(crate) config: FunctionConfig,
    pub(crate) stores: Stores,
    pub(crate) udocker: Udocker,
    pub(crate) preparer: Preparer,
    temp_dir: PathBuf,
}

impl Services {
    /// Nothing is connected or started yet: a cold start pays for what it uses.
    pub fn new(config: FunctionConfig, environment: &Environment, stores: StoreSettings) -> Self {
        narration::without_effect(&config);
        let settings = UdockerSettings::new(environment, config.container.execmode);
        let udocker = Udocker::new(settings);
        Self {
            stores: Stores::new(stores),
            preparer: Preparer::new(udocker.clone(), config.container.keep_layers),
            udocker,
            temp_dir: environment.temp_dir(),
            config,
        }
    }

    /// The configuration.
    pub fn config(&self) -> &FunctionConfig {
        &self.config
    }

    /// Where workspaces are made.
    pub fn temp_dir(&self) -> &Path {
        &self.temp_dir
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
    /// What happens to the workspace.
    pub retention: Retention,
    /// Turns into `Some(signal)` when the supervisor is told to stop.
    pub cancelled: watch::Receiver<Option<i32>>,
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
            let mut report = Report::new(event.source, event.skipped);
            match Workspace::create(&services.temp_dir, invocation.retention) {
                Err(error) => report.outcome = Outcome::Failed(workspace_failure(&error)),
                Ok(workspace) => {
                    let runner = record::Runner {
                        services,
                        invocation,
                        workspace: &workspace,
                        outputs: &plan.outputs,
                    };
                    for (index, run) in plan.runs.iter().enumerate() {
                        report.add(runner.run(index, plan.runs.len(), run, sink).await);
                    }
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

/// `bytes → Event → Plan`, before anything is touched.
///
/// # Errors
/// The failure that the invocation ends with, and who is to be told.
pub fn understand(
    services: &Services,
    invocation: &Invocation<'_>,
) -> Result<(Event, Plan), (Source, Failure)> {
    let config = &services.config;
    let event = event::parse(invocation.payload, config)
        .map_err(|e| (e.source(), failure("EventInvalid", e.to_string())))?;
    let unusable = |message| (event.source, failure("ConfigInvalid", message));
    if config.execution_mode == ExecutionMode::Batch {
        return Err(unusable(
            "execution_mode: batch is not available yet: this version runs containers in the \
             function itself; set execution_mode to lambda"
                .to_owned(),
        ));
    }
    let plan =
        plan::plan(&event, config, &invocation.context).map_err(|e| unusable(e.to_string()))?;
    match missing_script(&plan) {
        Some(message) => Err(unusable(message)),
        None => Ok((event, plan)),
    }
}

/// The configured script is looked for before anything is downloaded or prepared.
fn missing_script(plan: &Plan) -> Option<String> {
    plan.runs.iter().find_map(|run| match &run.entry {
        Entry::InitScript(path) if !path.is_file() => Some(format!(
            "init_script: found {}, expected an existing file (relative paths start at the \
             configuration's directory)",
            path.display()
        )),
        _ => None,
    })
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
