//! A run by the native engine: what it starts, below a keeper that sets the stage for it.

use std::{ffi::OsString, path::Path};

use crate::container::{
    ContainerError,
    command::{Family, Volumes, shared_paths},
    engine::{
        Guest,
        launch::{Command, Shared, launch},
    },
    handoff::Handoff,
    role,
    running::Running,
    stage::Stage,
    udocker::Udocker,
};

use super::{Container, RunRequest, stage};

/// Starts `argv` in the container.
pub(super) fn start(
    udocker: &Udocker,
    guest: &Guest,
    container: Container<'_>,
    request: &RunRequest<'_>,
    argv: &[OsString],
    temp: &Path,
) -> Result<(Running, Handoff), ContainerError> {
    let (prepared, settings) = (container.prepared, udocker.settings());
    let init = match Family::of(prepared.mode) {
        Family::Inside => udocker.init_copy(temp.parent().and_then(Path::parent)),
        Family::Preload => role::link(&settings.supervisor, temp, role::INIT_NAME),
    };
    let init = init.map_err(ContainerError::io("share the container's first process"))?;
    let (volumes, handoff) = (
        Volumes {
            record: request.record.root(),
            task_root: container.task_root,
            supervisor: &init,
        },
        request.record.handoff(),
    );
    let own = volumes.task_root.into_iter().chain([volumes.record]);
    let own: Vec<_> = own.map(Path::to_owned).collect();
    let command = Command {
        image: &prepared.image,
        mode: prepared.mode,
        argv,
        variables: request.variables,
    };
    let shared = Shared {
        paths: &shared_paths(prepared.mode, &volumes, Path::exists),
        own: &own,
        init: &init,
        handoff: &handoff,
        temp,
    };
    let launch = launch(guest, &command, &shared)?;
    let stage = Stage {
        root: guest.root(),
        directory: launch.directory,
        links: launch.links,
        ..stage(prepared, request.record)
    };
    let handoff = request.handoff(&launch.argv)?;
    tracing::debug!(command = ?launch.line, argv = ?launch.argv, "starting");
    let running = Running::start(
        &settings.supervisor,
        &stage,
        &launch.line,
        &launch.variables,
        request.limits.grace,
    )?;
    Ok((running, handoff))
}
