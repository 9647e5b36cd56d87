//! What runs in a container, and udocker's command lines. Pure.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use config::{ModeFamily, UdockerMode};

use crate::shim::argv0::{INIT_NAME, INIT_PATH};

/// How a mode gets a program into the container, see [`crate::shim::init`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// P, R and S modes run a static program from outside as the container's first process.
    Inside,
    /// F modes preload a library into the image's own programs.
    Preload,
}

impl Family {
    /// The family of a mode.
    pub fn of(mode: UdockerMode) -> Self {
        match mode.family() {
            ModeFamily::Fakechroot => Self::Preload,
            ModeFamily::Proot | ModeFamily::Runc | ModeFamily::Singularity => Self::Inside,
        }
    }
}

/// R modes bring their own `/dev` and `/proc` (a bind on top is refused) and cannot bind a file of ours.
pub fn is_runc(mode: UdockerMode) -> bool {
    mode.family() == ModeFamily::Runc
}

/// What the image says it runs (OCI image specification, `config.Entrypoint` and `config.Cmd`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageCommand {
    /// Always runs first.
    pub entrypoint: Vec<String>,
    /// Default arguments, or the command where there is no entrypoint.
    pub cmd: Vec<String>,
    /// Where it starts, when the image says so (`config.WorkingDir`).
    pub working_directory: Option<String>,
}

/// What runs in the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContainerCommand {
    /// `/bin/sh SCRIPT`.
    Script(OsString),
    /// The image's entrypoint with these arguments in place of its own.
    Arguments(Vec<String>),
    /// What the image says.
    ImageDefault,
}

impl ContainerCommand {
    /// The full argument vector, as `docker run` would put it together.
    pub fn argv(&self, image: &ImageCommand) -> Vec<OsString> {
        let text = |words: &[String]| words.iter().map(OsString::from).collect::<Vec<_>>();
        match self {
            Self::Script(path) => vec!["/bin/sh".into(), path.clone()],
            Self::Arguments(arguments) => [text(&image.entrypoint), text(arguments)].concat(),
            Self::ImageDefault => [text(&image.entrypoint), text(&image.cmd)].concat(),
        }
    }
}

/// The directories a run shares with the host besides its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volumes<'a> {
    /// The record's directory: input, output, script and handoff.
    pub record: &'a Path,
    /// `/var/task`, when the function brings an extra payload.
    pub task_root: Option<&'a Path>,
    /// This binary, bound to [`INIT_PATH`] where the mode runs it; R modes need it under the name
    /// [`INIT_NAME`], in a directory of its own.
    pub supervisor: &'a Path,
}

const HOST_DIRECTORIES: [&str; 2] = ["/dev", "/proc"];
const HOST_FILES: [&str; 2] = ["/etc/hosts", "/etc/resolv.conf"];

/// The paths of this machine that a run sees under their own names; R modes bring some of them themselves.
///
/// `exists` tells which of the host's files there are.
pub fn shared_paths(
    mode: UdockerMode,
    volumes: &Volumes<'_>,
    exists: impl Fn(&Path) -> bool,
) -> Vec<PathBuf> {
    let host = HOST_DIRECTORIES
        .iter()
        .filter(|_| !is_runc(mode))
        .chain(&HOST_FILES)
        .map(Path::new)
        .filter(|path| exists(path));
    let own = volumes.task_root.into_iter().chain([volumes.record]);
    host.chain(own).map(Path::to_owned).collect()
}

/// The shared paths, with these `devices` in place of `/dev` where there are any.
pub fn with_devices(paths: Vec<PathBuf>, devices: Option<Vec<PathBuf>>) -> Vec<PathBuf> {
    let Some(devices) = devices else {
        return paths;
    };
    let others = paths.into_iter().filter(|path| path != Path::new("/dev"));
    devices.into_iter().chain(others).collect()
}

/// Arguments of `udocker run` after the launcher and its general options.
///
/// `exists` tells which of the host's files there are; udocker refuses a volume that is missing.
pub fn run_arguments(
    container: &str,
    mode: UdockerMode,
    volumes: &Volumes<'_>,
    command: &ContainerCommand,
    exists: impl Fn(&Path) -> bool,
) -> Vec<OsString> {
    let mut argv: Vec<OsString> = vec!["run".into(), "--nobanner".into(), "--nosysdirs".into()];
    for path in shared_paths(mode, volumes, exists) {
        argv.push(option("--volume=", path.as_os_str()));
    }
    match Family::of(mode) {
        Family::Inside => {
            let (shared, inside, entrypoint) = init_volume(mode, volumes.supervisor);
            let mut volume = option("--volume=", shared.as_os_str());
            volume.push(":");
            volume.push(inside);
            argv.push(volume);
            argv.push(option("--entrypoint=", entrypoint.as_os_str()));
            argv.push(container.into());
            // The command itself is in there: udocker would drop its empty words.
            argv.push(volumes.record.join("handoff").into());
        }
        Family::Preload => match command {
            // The script's path is an argument: udocker splits an entrypoint at spaces.
            ContainerCommand::Script(path) => {
                argv.push("--entrypoint=/bin/sh".into());
                argv.push(container.into());
                argv.push(path.clone());
            }
            ContainerCommand::Arguments(arguments) => {
                argv.push(container.into());
                argv.extend(arguments.iter().map(OsString::from));
            }
            ContainerCommand::ImageDefault => argv.push(container.into()),
        },
    }
    argv
}

/// What is bound, where to, and what runs then.
fn init_volume(mode: UdockerMode, supervisor: &Path) -> (&Path, &Path, PathBuf) {
    match supervisor.parent() {
        Some(directory) if is_runc(mode) => {
            let inside = Path::new(INIT_PATH);
            (directory, inside, inside.join(INIT_NAME))
        }
        _ => (supervisor, Path::new(INIT_PATH), INIT_PATH.into()),
    }
}

fn option(name: &str, value: &OsStr) -> OsString {
    let mut option = OsString::from(name);
    option.push(value);
    option
}
