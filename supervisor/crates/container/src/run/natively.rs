//! A run by the native engine: what it starts, below a shim that prepares ROOT for it.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use crate::{
    engine::{
        Guest,
        command::{Family, Volumes, shared_paths, with_devices},
        launch::{Launch, launch},
        request::{Command, Shared},
    },
    error::{ContainerError, EngineError},
    exec::{request::RunRequest, udocker::Udocker},
    run::container::Container,
    shim::devices::devices_instead_of_dev,
    shim::{
        launch_spec::{CommandSpec, EngineSpec, LaunchSpec, variables},
        overlay::RunLinks,
        process_tree::Neighbours,
    },
    variable::Variable,
    workspace::RecordDir,
};
use config::UdockerMode;

/// One run, as far as it is known before anything of it exists.
#[derive(Debug, Clone, Copy)]
pub struct Planned<'a> {
    /// The image, for messages.
    pub image: &'a str,
    /// The mode the container was set up for.
    pub mode: UdockerMode,
    /// What is bound to `/var/task`, if it is.
    pub task_root: Option<&'a Path>,
    /// What is known of the container.
    pub guest: &'a Guest,
    /// The directories of the run.
    pub record: &'a RecordDir,
    /// The words of the command.
    pub argv: &'a [OsString],
    /// Its variables.
    pub variables: &'a [Variable],
    /// The container's first process, where that is inside.
    pub init: &'a Path,
    /// Temporary files of the engine.
    pub temp: &'a Path,
}

impl Planned<'_> {
    /// What is to be started.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn launch(&self) -> Result<Launch, EngineError> {
        let volumes = Volumes {
            record: self.record.root(),
            task_root: self.task_root,
            supervisor: self.init,
        };
        let own = volumes.task_root.into_iter().chain([volumes.record]);
        let own: Vec<PathBuf> = own.map(Path::to_owned).collect();
        let paths = shared_paths(self.mode, &volumes, Path::exists);
        let shared = Shared {
            paths: &match Family::of(self.mode) {
                Family::Preload => with_devices(paths, devices_instead_of_dev(Path::new("/dev"))),
                Family::Inside => paths,
            },
            own: &own,
            init: self.init,
            handoff: &self.record.handoff(),
            temp: self.temp,
        };
        let command = Command {
            image: self.image,
            mode: self.mode,
            argv: self.argv,
            variables: self.variables,
        };
        launch(self.guest, &command, &shared)
    }
}

/// The container's first process, where the mode has it inside.
///
/// # Errors
/// [`ContainerError::Io`] when it cannot be copied.
pub(crate) fn init_file(
    udocker: &Udocker,
    mode: UdockerMode,
    temp: &Path,
) -> Result<PathBuf, ContainerError> {
    match Family::of(mode) {
        Family::Inside => udocker
            .init_copy(temp.parent().and_then(Path::parent))
            .map_err(ContainerError::io("share the container's first process")),
        Family::Preload => Ok(udocker.settings().supervisor.clone()),
    }
}

/// The launch spec that runs `argv` in the container.
pub(crate) fn launch_spec(
    udocker: &Udocker,
    guest: &Guest,
    container: Container<'_>,
    request: &RunRequest<'_>,
    argv: &[OsString],
    temp: &Path,
) -> Result<LaunchSpec, ContainerError> {
    let prepared = container.prepared;
    let planned = Planned {
        image: &prepared.image,
        mode: prepared.mode,
        task_root: container.task_root,
        guest,
        record: request.record,
        argv,
        variables: request.variables,
        init: &init_file(udocker, prepared.mode, temp)?,
        temp,
    };
    let launch = planned.launch()?;
    let mut inside = launch.inside;
    inside.extend(variables(request.variables));
    tracing::debug!(command = ?launch.line, argv = ?launch.argv, "starting");
    Ok(LaunchSpec {
        engine_spec: EngineSpec {
            first: launch.first,
            handoff: request.record.handoff(),
            neighbours: Neighbours::of(udocker.settings().platform),
            variables: launch.variables,
            line: launch.line,
        },
        command_spec: CommandSpec {
            grace: request.limits.grace,
            run_links: RunLinks {
                directory: launch.directory,
                links: launch.links,
            },
            variables: inside,
            argv: launch.argv,
        },
    })
}
