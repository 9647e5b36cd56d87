//! Runs a command in the image that the supervisor itself is in (a job, an image function): no engine, no preparation.
//!
//! The command is started as a container's is: below a keeper, with the supervisor as its first process, and with its
//! variables, output and end going through the handoff directory. So deadlines, signals and logs are the same.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use tokio::time::Instant;

use crate::{
    config::AwsCredentials,
    environment::Environment,
    plan::{RESERVED, Variable},
    workspace::RecordDir,
};

use super::{
    ContainerCommand, ContainerError, Limits,
    attend::see_through,
    command::ImageCommand,
    handoff::Handoff,
    log::{Keep, LogFile, LogPump, LogSink},
    role,
    run::RunReport,
    running::Running,
};

/// The image the supervisor is in.
#[derive(Debug, Clone)]
pub struct Direct {
    /// This program's file.
    supervisor: PathBuf,
    /// What every command inherits: the image's variables and the platform's.
    environment: BTreeMap<OsString, OsString>,
    /// The image's own command, as the words after `supervisor --` tell it.
    command: ImageCommand,
}

/// What one run needs to know.
#[derive(Debug)]
pub struct DirectRequest<'a> {
    /// Its directories; the script and the event file are in place.
    pub record: &'a RecordDir,
    /// What runs.
    pub command: ContainerCommand,
    /// Its variables, on top of what it inherits.
    pub variables: &'a [Variable],
    /// When it is stopped.
    pub limits: Limits,
    /// How much of its output is kept.
    pub keep: Keep,
}

impl Direct {
    /// `command` is the image's own command, empty where nobody told it.
    pub fn new(
        environment: &Environment,
        credentials: AwsCredentials,
        command: Vec<String>,
    ) -> Self {
        let mut inherited = environment.for_command(credentials);
        // Their absence means something: only the invocation sets them.
        inherited.retain(|name, _| name.to_str().is_none_or(|name| !RESERVED.contains(&name)));
        Self {
            supervisor: environment.own_binary(),
            environment: inherited,
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
        request: DirectRequest<'_>,
        temp: &Path,
        sink: &mut dyn LogSink,
    ) -> Result<RunReport, ContainerError> {
        let argv = request.command.argv(&self.command);
        if argv.is_empty() {
            return Err(ContainerError::NothingToRun);
        }
        let started = Instant::now();
        let directory = request.record.handoff();
        let prepare = || ContainerError::io(format!("prepare {}", directory.display()));
        let handoff = Handoff::make(&directory, &argv, request.variables).map_err(prepare())?;
        let init = self.init(temp).map_err(prepare())?;
        let line = [init.into_os_string(), directory.clone().into_os_string()];
        let limits = &request.limits;
        let variables = self.environment.clone();
        let running = Running::start(&self.supervisor, &line, variables, limits.grace)?;
        let log = LogFile::new(request.record.log(), request.keep);
        let seen = see_through(running, handoff, LogPump::new(sink, log), limits).await;
        let end = seen.end.ok_or_else(|| ContainerError::NotStarted {
            status: seen
                .status
                .map_or_else(|| "killed".to_owned(), |s| s.to_string()),
            message: seen.messages.clone(),
        })?;
        Ok(RunReport {
            end,
            log: seen.log,
            elapsed: started.elapsed(),
        })
    }

    /// This program under the name of the first process. A link, which works where files may not be executed too.
    fn init(&self, temp: &Path) -> io::Result<PathBuf> {
        let link = temp.join(role::INIT_NAME);
        match symlink(&self.supervisor, &link) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(link),
        }
    }
}
