//! The places the supervisor is started in: thin adapters over [`crate::invocation`].

pub mod explain;
pub mod job;
pub mod lambda;
pub mod local;
pub mod setup;
pub mod sink;
pub mod summary;

use std::{ffi::OsString, process::ExitCode};

use crate::environment::{Environment, Place};

/// Finds out where we are and does the work there.
pub fn dispatch(environment: &Environment, arguments: Vec<OsString>) -> ExitCode {
    let command = image_command(&arguments);
    match environment.place() {
        Place::Lambda => lambda::main(environment, command),
        Place::Terminal if job::is_meant(environment, &arguments) => {
            job::main(environment, command)
        }
        Place::Terminal => local::main(environment, arguments),
    }
}

/// The words after `--`: the command of the image we are in, for runs that ask for it.
fn image_command(arguments: &[OsString]) -> Vec<String> {
    let words = arguments.iter().skip_while(|word| *word != "--").skip(1);
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect()
}

/// One thread: the work is waiting, and a second thread would cost start-up time and memory.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}
