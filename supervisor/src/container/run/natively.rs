//! A run by the native engine: what it starts, below a keeper that sets the stage for it.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use crate::{
    container::{
        ContainerError, EngineError,
        command::{Family, Volumes, shared_paths},
        engine::{
            Guest,
            launch::{Command, Launch, Shared, launch},
        },
        handoff::Handoff,
        order::Order,
        role,
        stage::Scene,
        udocker::Udocker,
    },
    plan::Variable,
    workspace::RecordDir,
};

use super::{Container, RunRequest};

/// One run, as far as it is known before anything of it exists.
#[derive(Debug, Clone, Copy)]
pub struct Planned<'a> {
    /// The container.
    pub container: Container<'a>,
    /// What is known of it.
    pub guest: &'a Guest,
    /// The directories of the run.
    pub record: &'a RecordDir,
    /// The words of the command.
    pub argv: &'a [OsString],
    /// Its variables.
    pub variables: &'a [Variable],
    /// The container's first process.
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
        let prepared = self.container.prepared;
        let volumes = Volumes {
            record: self.record.root(),
            task_root: self.container.task_root,
            supervisor: self.init,
        };
        let own = volumes.task_root.into_iter().chain([volumes.record]);
        let own: Vec<PathBuf> = own.map(Path::to_owned).collect();
        let shared = Shared {
            paths: &shared_paths(prepared.mode, &volumes, Path::exists),
            own: &own,
            init: self.init,
            handoff: &self.record.handoff(),
            temp: self.temp,
        };
        let command = Command {
            image: &prepared.image,
            mode: prepared.mode,
            argv: self.argv,
            variables: self.variables,
        };
        launch(self.guest, &command, &shared)
    }
}

/// What the keeper is told to start `argv` in the container.
pub(super) fn order(
    udocker: &Udocker,
    guest: &Guest,
    container: Container<'_>,
    request: &RunRequest<'_>,
    argv: &[OsString],
    temp: &Path,
) -> Result<(Order, Handoff), ContainerError> {
    let settings = udocker.settings();
    let init = match Family::of(container.prepared.mode) {
        Family::Inside => udocker.init_copy(temp.parent().and_then(Path::parent)),
        Family::Preload => role::link(&settings.supervisor, temp, role::INIT_NAME),
    };
    let init = init.map_err(ContainerError::io("share the container's first process"))?;
    let planned = Planned {
        container,
        guest,
        record: request.record,
        argv,
        variables: request.variables,
        init: &init,
        temp,
    };
    let launch = planned.launch()?;
    let handoff = request.handoff(&launch.argv)?;
    tracing::debug!(command = ?launch.line, argv = ?launch.argv, "starting");
    let order = Order {
        grace: request.limits.grace,
        scene: Scene {
            directory: launch.directory,
            links: launch.links,
        },
        variables: launch.variables,
        line: launch.line,
    };
    Ok((order, handoff))
}
