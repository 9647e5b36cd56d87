//! The `supervisor` binary: environment, dispatch, exit code. See the library for the story.

use std::{ffi::OsString, process::ExitCode};

use container::shim::role;
use environment::Environment;
use faas_supervisor::entry;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if let Some(code) = role::play(&arguments) {
        return code;
    }
    entry::dispatch(&Environment::from_process(), arguments)
}
