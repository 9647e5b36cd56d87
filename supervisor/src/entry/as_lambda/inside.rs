//! Starts the program once more inside the imitation: its command line, its variables, and the work between fork and exec.

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::fs::MetadataExt as _,
    path::PathBuf,
};

use lambda_sandbox::{
    Filter, Policy, Profile,
    limits::{self, LIMITS, Limit, NPROC},
};
use nix::{
    sys::{
        prctl::set_pdeathsig,
        resource::{Resource, getrlimit, setrlimit},
        signal::Signal,
    },
    unistd::getuid,
};
use tokio::process::Command;

use super::{processes, scratch::Scratch, trial::Trial, user::User};
use container::engine::settings::UdockerSettings;
use environment::{
    self as names, AWS_LAMBDA_FUNCTION_MEMORY_SIZE, AWS_LAMBDA_FUNCTION_NAME, Environment, TMPDIR,
};

/// The hidden option that marks the inner process.
pub const MARK: &str = "imitated";
/// Parts of the image store that would be outside the function's `/tmp`.
const ELSEWHERE: [&str; 3] = ["UDOCKER_CONTAINERS", "UDOCKER_REPOS", "UDOCKER_LAYERS"];

/// Credentials in the home directory, and how to use them.
const USER_FILES: [&str; 6] = [
    ".aws",
    ".aws/credentials",
    ".aws/config",
    ".docker",
    ".docker/config.json",
    ".udocker/keystore",
];

/// The command that starts it.
///
/// # Errors
/// When the filter cannot be built for this machine.
#[allow(unsafe_code)]
pub(super) fn command(trial: &Trial<'_>, scratch: &Scratch, user: User) -> anyhow::Result<Command> {
    let filter = Filter::of(&Policy::of(Profile::Observed))?;
    let limits = limits_for(user);
    let mut command = Command::new(trial.environment.own_binary());
    command
        .arg(format!("--{MARK}"))
        .args(trial.words.iter().skip(1))
        .envs(variables(trial, scratch, user));
    for name in ELSEWHERE {
        command.env_remove(name);
    }
    if let User::Function(user, group) = user {
        // Root's other groups are given up with it (`std::os::unix::process::CommandExt::uid`).
        command.uid(user.as_raw()).gid(group.as_raw());
    }
    let last = move || {
        set_pdeathsig(Signal::SIGKILL)?;
        let failed = |_| std::io::Error::last_os_error();
        limits
            .iter()
            .flatten()
            .try_for_each(|limit| limits::set(limit).map_err(failed))?;
        // As the function does it for itself there (`lambda::processes::write_no_cores`).
        let (_, most) = getrlimit(Resource::RLIMIT_CORE)?;
        setrlimit(Resource::RLIMIT_CORE, 0, most)?;
        filter.install().map_err(failed)
    };
    // SAFETY: it allocates nothing and makes system calls only: prctl, getrlimit, setrlimit, seccomp.
    unsafe { command.pre_exec(last) };
    Ok(command)
}

/// Lambda's limits, as far as this process may set them.
fn limits_for(user: User) -> [Option<Limit>; LIMITS.len()] {
    LIMITS.map(|limit| {
        let (_, hard) = getrlimit(limit.resource).ok()?;
        let value = match (limit.resource, user) {
            // It counts everything that the user runs, here also what has nothing to do with the function.
            (Resource::RLIMIT_NPROC, User::Own) => NPROC + already_running(),
            _ => limit.value,
        };
        let value = value.min(hard);
        Some(Limit { value, ..limit })
    })
}

/// Processes and threads that this user has.
fn already_running() -> u64 {
    let user = getuid().as_raw();
    let own = processes::all().into_iter().filter(|process| {
        fs::metadata(format!("/proc/{}", process.pid)).is_ok_and(|found| found.uid() == user)
    });
    own.map(|process| process.threads).sum()
}

/// The variables that differ from this process's: the image store is in the function's `/tmp`, and engines stay where they
/// are.
fn variables(trial: &Trial<'_>, scratch: &Scratch, user: User) -> Vec<(&'static str, OsString)> {
    let container = &trial.config.container;
    let settings = UdockerSettings::new(trial.environment, container.engine, container.execmode);
    let here = |name: &str, default: &str| {
        let set = settings.environment.get(OsStr::new(name));
        set.map_or_else(|| settings.store.join(default).into(), OsString::clone)
    };
    let name = trial.config.name.as_deref().unwrap_or("function");
    let mut variables: Vec<(&str, OsString)> = vec![
        (TMPDIR, scratch.path().into()),
        (
            names::UDOCKER_DIR,
            scratch.path().join("shared/udocker").into(),
        ),
        ("UDOCKER_BIN", here("UDOCKER_BIN", "bin")),
        ("UDOCKER_LIB", here("UDOCKER_LIB", "lib")),
        (AWS_LAMBDA_FUNCTION_NAME, name.into()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".into()),
        (
            AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
            trial.function.memory.to_string().into(),
        ),
    ];
    // Root's home is closed to others, and what is looked for there must be absent rather than forbidden.
    if user != User::Own && user_files(trial.environment).next().is_none() {
        variables.push(("HOME", scratch.path().into()));
    }
    variables
}

/// The credentials in the home directory that a run may use.
pub fn user_files(environment: &Environment) -> impl Iterator<Item = PathBuf> {
    let home = environment.path("HOME");
    USER_FILES
        .into_iter()
        .filter_map(move |name| Some(home.as_ref()?.join(name)))
        .filter(|path| path.exists())
}
