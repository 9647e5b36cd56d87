//! The `supervisor` binary: environment, dispatch, exit code. See the library for the story.

use std::{ffi::OsString, process::ExitCode};

use faas_supervisor::{container::role, entry, environment::Environment};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if let Some(code) = role::play(&arguments) {
        return code;
    }
    entry::dispatch(&Environment::from_process(), arguments)
}
