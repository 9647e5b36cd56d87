//! Runs a command in the image that the supervisor itself is in (a job, an image function): no engine, no preparation.
//!
//! The command is started as a container's is: below a shim, with the supervisor as its first process, and with its
//! variables, output and end going through the handoff directory. So deadlines, signals and logs are the same.

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf};

use tokio::time::Instant;

use config::AwsCredentials;
use environment::{Environment, Platform};

use crate::{
    engine::{command::ImageCommand, settings::Invocations},
    error::ContainerError,
    exec::{
        leftovers::{Leftovers, Tenancy},
        log::LogSink,
        outcome::RunReport,
        process::Running,
        request::RunRequest,
        run_pipes::RunPipes,
        wait::wait_for_exit,
    },
    shim::{
        launch_spec::{CommandSpec, EngineSpec, FirstProcess, LaunchSpec, variables},
        overlay::{OverlayMount, RunLinks},
        process_tree::Neighbours,
    },
};

/// The image the supervisor is in.
#[derive(Debug, Clone)]
pub struct Direct {
    /// This program's file.
    supervisor: PathBuf,
    /// What every command inherits: the image's variables and the platform's.
    environment: BTreeMap<OsString, OsString>,
    /// Whose the user is.
    tenancy: Tenancy,
    /// Who else starts processes here.
    neighbours: Neighbours,
    /// The image's own command, as the words after `supervisor --` tell it.
    command: ImageCommand,
}

impl Direct {
    /// `supervisor` is this program's file; `command` is the image's own command, empty where nobody told it. `reserved` are the
    /// names of variables that only a run sets: their absence means something, so none of them is inherited.
    pub fn new(
        supervisor: PathBuf,
        environment: &Environment,
        credentials: AwsCredentials,
        command: Vec<String>,
        reserved: &[&str],
    ) -> Self {
        let mut inherited = environment.for_command(credentials);
        inherited.retain(|name, _| name.to_str().is_none_or(|name| !reserved.contains(&name)));
        if environment.platform() == Platform::Lambda {
            // Unset on Lambda, where nothing but this directory could be anybody's home.
            let home = environment.temp_dir();
            inherited.entry("HOME".into()).or_insert(home.into());
        }
        Self {
            supervisor,
            environment: inherited,
            tenancy: Tenancy::of(environment.platform(), Invocations::of(environment)),
            neighbours: Neighbours::of(environment.platform()),
            command: ImageCommand {
                cmd: command,
                ..ImageCommand::default()
            },
        }
    }

    /// Runs the command to its end, to the deadline or until it is cancelled.
    ///
    /// # Errors
    /// [`ContainerError`] when it did not start; how it ended is in the report.
    pub async fn run(
        &self,
        request: RunRequest<'_>,
        sink: &mut dyn LogSink,
    ) -> Result<RunReport, ContainerError> {
        let argv = request.command.argv(&self.command);
        if argv.is_empty() {
            return Err(ContainerError::NothingToRun);
        }
        let started = Instant::now();
        let directory = request.record.handoff();
        let pipes = RunPipes::make(&directory)?;
        let order = LaunchSpec {
            engine_spec: EngineSpec {
                first: FirstProcess::Shim,
                handoff: directory,
                neighbours: self.neighbours,
                variables: self.environment.clone(),
                line: Vec::new(),
            },
            command_spec: CommandSpec {
                grace: request.limits.grace,
                run_links: RunLinks::default(),
                variables: variables(request.variables),
                argv,
            },
        };
        let leftovers = Leftovers::before_run(self.tenancy);
        let running = Running::start(&self.supervisor, &OverlayMount::default(), &order)?;
        let seen = wait_for_exit(running, pipes, &request, sink).await;
        leftovers.remove_new();
        seen.report(started, |status, message| ContainerError::NotStarted {
            status,
            message,
        })
    }
}
