//! From the command line to a run under `--as-lambda`.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use anyhow::bail;

use super::arguments::Arguments;
use crate::entry::as_lambda::{self, Access, Function, Need, ReportFormat, Trial};
use config::FunctionConfig;
use container::engine::settings::UdockerSettings;
use environment::{self as names, Environment};

/// Variables that name a file which the run reads.
const NAMED_FILES: [&str; 4] = [
    names::AWS_CA_BUNDLE,
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CONFIG_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
];

/// Runs it; answers the exit code.
///
/// # Errors
/// Those of [`as_lambda::main`].
pub(super) fn run(
    environment: &Environment,
    arguments: &Arguments,
    words: &[OsString],
    config: &FunctionConfig,
    function: Function,
) -> anyhow::Result<i32> {
    let format = if arguments.json {
        ReportFormat::Json
    } else {
        ReportFormat::Text
    };
    as_lambda::main(&Trial {
        environment,
        config,
        function,
        words,
        needs: needs(environment, arguments, config),
        format,
        retention: arguments.retention(),
    })
}

/// Both processes read the configuration, and the inner one, which may be another user with another `/dev`, opens the event.
///
/// # Errors
/// When one of them is something that can be read only once or from one place.
pub(super) fn refuse_streams(arguments: &Arguments) -> anyhow::Result<()> {
    let options = [
        ("--config", arguments.config.as_deref(), "a file"),
        (
            "--event",
            arguments.event.as_deref(),
            "a file, or - for standard input",
        ),
    ];
    for (option, path, expected) in options {
        let Some(path) = path.filter(|path| option != "--event" || path.as_os_str() != "-") else {
            continue;
        };
        if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            bail!(
                "{option} {}: it is no regular file, which --as-lambda needs: give {expected}",
                path.display()
            );
        }
    }
    Ok(())
}

/// The files of this machine that the run uses, whichever of them there are.
fn needs(environment: &Environment, arguments: &Arguments, config: &FunctionConfig) -> Vec<Need> {
    let container = &config.container;
    let settings = UdockerSettings::new(environment, container.engine, container.execmode);
    let read = [
        arguments
            .event
            .clone()
            .filter(|path| path.as_os_str() != "-"),
        arguments.config.clone(),
        config.init_script.clone(),
        container.image_file.clone(),
        settings.files.fakechroot.clone(),
    ];
    let payload = config
        .extra_payload
        .as_ref()
        .map(|_| settings.task_root.clone());
    let enter = [
        Some(PathBuf::from(".")),
        Some(settings.supervisor.clone()),
        Some(settings.launcher_path()),
        Some(settings.files.bin.clone()),
        Some(settings.files.lib.clone()),
        payload,
    ];
    let buckets = arguments.local_storage.as_deref();
    let named = NAMED_FILES.map(|name| environment.path(name));
    let docker = environment
        .path(names::DOCKER_CONFIG)
        .map(|directory| directory.join("config.json"));
    let read = read.into_iter().chain(named).chain([docker]);
    let read = read.flatten().map(|path| (path, Access::Read));
    let enter = enter
        .into_iter()
        .flatten()
        .map(|path| (path, Access::Enter));
    let own = as_lambda::user_files(environment).map(|path| {
        let access = if path.is_dir() {
            Access::Enter
        } else {
            Access::Read
        };
        (path, access)
    });
    let write = buckets.into_iter().flat_map(below);
    let outputs = buckets
        .into_iter()
        .flat_map(|store| folders(store, config))
        .map(|path| (path, Access::Write));
    let all = read.chain(enter).chain(own).chain(write).chain(outputs);
    all.map(|(path, access)| Need { path, access }).collect()
}

/// The directories below its buckets in which outputs are made, whichever there are.
fn folders(store: &Path, config: &FunctionConfig) -> Vec<PathBuf> {
    let all = config.output.iter().map(|rule| store.join(&rule.path));
    all.flat_map(|path| {
        let up = path.ancestors().take_while(|path| *path != store);
        up.map(Path::to_owned).collect::<Vec<_>>()
    })
    .collect()
}

/// The directory of a local store, and its buckets, any of which may be written to.
fn below(store: &Path) -> Vec<(PathBuf, Access)> {
    let entries = fs::read_dir(store).into_iter().flatten().flatten();
    let buckets = entries.map(|entry| (entry.path(), Access::Write));
    buckets
        .filter(|(path, _)| path.is_dir())
        .chain([(store.to_owned(), Access::Enter)])
        .collect()
}
