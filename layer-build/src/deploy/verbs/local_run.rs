//! `plan --try`: runs a function on this machine as it would run on Lambda, from the package that would be deployed.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use ::config::DispatchMode;
use environment::end_signals::EndSignals;
use nix::sys::signal::kill;
use nix::unistd::{Gid, Pid, chown, geteuid};
use tempfile::TempDir;
use tokio::process::Command;

use super::described;
use crate::deploy::cli::{FunctionOptions, LocalRunOptions};
use crate::deploy::error::DeployError;
use crate::deploy::function_config as config;
use crate::deploy::host::HostEnvironment;
use crate::deploy::package::Package;
use crate::deploy::report::Format;
use crate::deploy::session::Session;
use crate::deploy::settings::function::EXEC_WRAPPER;
use crate::deploy::settings::{Runtime, Settings};

/// The program that runs the function.
const SUPERVISOR: &str = "supervisor";
/// Group of a function's user on Lambda. Under `--as-lambda` root's runs have it.
const GROUP: u32 = 990;
/// Variables that win over a profile.
const KEYS: [&str; 3] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
];

/// Runs the function on an event, and returns its exit code. Its output goes where this command's goes.
///
/// # Errors
/// [`DeployError`] when the options select several functions, when the function cannot run here, or when there is no supervisor.
pub async fn run(
    session: &Session,
    host: &HostEnvironment,
    function: &FunctionOptions,
    options: &LocalRunOptions,
    event: &Path,
) -> Result<u8, DeployError> {
    let settings = single(described::settings(session, function)?)?;
    for notice in &settings.notices {
        session.reporter.note(notice);
    }
    check_runs_here(&settings)?;
    let supervisor = supervisor(host, options)?;
    // From here on, no signal ends this command before it has removed the unpacked package.
    let mut signals = EndSignals::new().map_err(|source| DeployError::Io {
        path: supervisor.clone(),
        source,
    })?;
    let task = unpack(&settings)?;
    let mut command = Command::new(&supervisor);
    command
        .arg("--event")
        .arg(event)
        .arg("--config")
        .arg(task.path().join(config::FILE))
        .arg("--as-lambda");
    let function = &settings.function;
    for (option, number) in [
        ("--memory", function.memory),
        ("--tmp", function.ephemeral_storage),
        ("--timeout", function.timeout),
    ] {
        command.arg(option).arg(number.to_string());
    }
    if let Some(buckets) = &options.local_storage {
        command.arg("--local-storage").arg(buckets);
    }
    if session.reporter.format != Format::Text {
        command.arg("--json");
    }
    set_variables(&mut command, &settings, task.path());
    let ended = run_to_end(command, &mut signals).await;
    ended.map(code).map_err(|source| DeployError::Io {
        path: supervisor,
        source,
    })
}

/// Runs a command to its end, and passes signals on to it: the supervisor ends what it has started.
async fn run_to_end(mut command: Command, signals: &mut EndSignals) -> std::io::Result<ExitStatus> {
    let mut child = command.spawn()?;
    let id = child.id().map(|id| Pid::from_raw(id.cast_signed()));
    let pass_on = |signal| {
        let _gone = id.map(|id| kill(id, signal));
    };
    loop {
        tokio::select! {
            status = child.wait() => return status,
            signal = signals.next() => pass_on(signal),
        }
    }
}

fn single(mut all: Vec<Settings>) -> Result<Settings, DeployError> {
    let names: Vec<String> = all.iter().map(|one| one.function.name.clone()).collect();
    match (all.pop(), all.is_empty()) {
        (Some(settings), true) => Ok(settings),
        _ => Err(DeployError::Usage(format!(
            "the file defines several functions, choose the one to try with --name: {}",
            names.join(", ")
        ))),
    }
}

fn check_runs_here(settings: &Settings) -> Result<(), DeployError> {
    let function = &settings.function;
    let why = if function.runtime == Runtime::Image {
        "it is an image itself, which only Lambda unpacks: try the image with a container.image of that name and another runtime"
    } else if function.execution_mode == DispatchMode::Batch {
        "its work is done by a job of AWS Batch (execution_mode: batch): try it with --execution-mode lambda"
    } else {
        return Ok(());
    };
    Err(DeployError::Usage(format!(
        "function {} cannot be tried here: {why}",
        function.name
    )))
}

/// Unpacks the package as Lambda does. It holds secrets, so of other users only the one that a run of root becomes may read it.
fn unpack(settings: &Settings) -> Result<TempDir, DeployError> {
    let value = config::configuration(settings, settings.deployment.bucket.as_deref());
    config::check(&value)?;
    let package = Package::pack(settings, &config::text(&value))?;
    let failed = |source| DeployError::Io {
        path: PathBuf::from("the function's package"),
        source,
    };
    let folder = TempDir::new().map_err(failed)?;
    let group = Some(Gid::from_raw(GROUP));
    let shared = geteuid().is_root() && chown(folder.path(), None, group).is_ok();
    let mode = Permissions::from_mode(if shared { 0o750 } else { 0o700 });
    fs::set_permissions(folder.path(), mode).map_err(failed)?;
    let zip = File::open(package.path()).map_err(failed)?;
    zip::ZipArchive::new(zip)
        .and_then(|mut zip| zip.extract(folder.path()))
        .map_err(|error| failed(std::io::Error::other(error)))?;
    Ok(folder)
}

/// Sets the function's variables over those of this process, whose credentials the function uses.
fn set_variables(command: &mut Command, settings: &Settings, task: &Path) {
    let own = settings.function.variables.iter();
    // On Lambda this variable starts the supervisor, which runs here already.
    command.envs(own.filter(|(name, _)| *name != EXEC_WRAPPER.0));
    command.env("LAMBDA_TASK_ROOT", task);
    command.env("AWS_REGION", &settings.lambda.region);
    if settings.lambda.profile != "default" {
        // A profile other than the default was chosen on purpose, and wins over keys in variables.
        for name in KEYS {
            command.env_remove(name);
        }
        command.env("AWS_PROFILE", &settings.lambda.profile);
    }
}

/// The supervisor that the options name, else the one beside this program, else the first on the `PATH`.
fn supervisor(host: &HostEnvironment, options: &LocalRunOptions) -> Result<PathBuf, DeployError> {
    if let Some(named) = &options.supervisor {
        return std::path::absolute(named).map_err(|source| DeployError::Io {
            path: named.clone(),
            source,
        });
    }
    let beside = host.program.as_deref().and_then(Path::parent);
    let search = host.search_path.iter().flat_map(std::env::split_paths);
    let mut folders = beside.map(Path::to_owned).into_iter().chain(search);
    let found = folders.find_map(|folder| {
        let file = folder.join(SUPERVISOR);
        file.is_file().then_some(file)
    });
    found.ok_or_else(|| {
        DeployError::Usage(
            "there is no supervisor beside faas-deploy and none on the PATH: build it with `make build`, or name it with --supervisor"
                .to_owned(),
        )
    })
}

fn code(status: ExitStatus) -> u8 {
    let killed = || status.signal().map(|signal| 128 + signal);
    let code = status.code().or_else(killed).unwrap_or(1);
    u8::try_from(code & 0xff).unwrap_or(1)
}
