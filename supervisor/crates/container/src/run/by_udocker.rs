//! A run by udocker: its one command, and what goes around it (see [`crate::shim::init`]).

use std::{collections::BTreeMap, ffi::OsString, io, path::Path};

use crate::{
    engine::command::{Family, Volumes, run_arguments},
    error::ContainerError,
    exec::{request::RunRequest, udocker::Udocker},
    prepare::prepared::Prepared,
    run::container::Container,
    shim::{argv0, init, launch_spec::LaunchSpec},
    workspace::RecordDir,
};

use super::natively::init_file;

/// The one udocker command of this run.
pub(crate) fn launch_spec(
    udocker: &Udocker,
    container: Container<'_>,
    request: &RunRequest<'_>,
    temp: &Path,
) -> Result<LaunchSpec, ContainerError> {
    let prepared = container.prepared;
    let init = init_file(udocker, prepared.mode, temp)?;
    let variables = handoff_variables(udocker, prepared, request.record, temp)
        .map_err(ContainerError::io("prepare the container's first process"))?;
    let arguments = arguments(&init, container, request);
    let mut spec = udocker.launch_spec(&arguments, temp, &variables, request.limits.grace)?;
    spec.engine_spec.handoff = request.record.handoff();
    Ok(spec)
}

/// The arguments of the one udocker command of this run.
fn arguments(init: &Path, container: Container<'_>, request: &RunRequest<'_>) -> Vec<OsString> {
    let volumes = Volumes {
        record: request.record.root(),
        task_root: container.task_root,
        supervisor: init,
    };
    run_arguments(
        &container.prepared.name,
        container.prepared.mode,
        &volumes,
        &request.command,
        Path::exists,
    )
}

/// F modes find this binary as `env`, and it finds the handoff through udocker's environment.
fn handoff_variables(
    udocker: &Udocker,
    prepared: &Prepared,
    record: &RecordDir,
    temp: &Path,
) -> io::Result<BTreeMap<OsString, OsString>> {
    let mut variables = BTreeMap::new();
    if Family::of(prepared.mode) == Family::Inside {
        return Ok(variables);
    }
    let settings = udocker.settings();
    let shims = temp.join("bin");
    std::fs::create_dir_all(&shims)?;
    argv0::link(&settings.supervisor, &shims, argv0::ENV)?;
    let mut path = shims.into_os_string();
    if let Some(rest) = settings.environment.get(std::ffi::OsStr::new("PATH")) {
        path.push(":");
        path.push(rest);
    }
    variables.insert("PATH".into(), path);
    let handoff = record.handoff().into_os_string();
    variables.insert(init::env::HANDOFF_VARIABLE.into(), handoff);
    let shared = record.root().as_os_str().to_owned();
    variables.insert(init::env::SHARED_VARIABLE.into(), shared);
    Ok(variables)
}
