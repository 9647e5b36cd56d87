//! From the command line to a run under `--as-lambda`.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use super::{arguments::Arguments, retention};
use crate::{
    config::FunctionConfig,
    container::settings::UdockerSettings,
    entry::as_lambda::{self, Access, Format, Function, Need, Trial},
    environment::Environment,
};

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
        Format::Json
    } else {
        Format::Text
    };
    as_lambda::main(&Trial {
        environment,
        config,
        function,
        words,
        needs: needs(environment, arguments, config),
        format,
        retention: retention(arguments),
    })
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
    let read = read.into_iter().flatten().map(|path| (path, Access::Read));
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
    let all = read.chain(enter).chain(own).chain(write);
    all.map(|(path, access)| Need { path, access }).collect()
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
