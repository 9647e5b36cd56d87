//! The places the supervisor is started in: thin adapters over [`crate::invocation`].

pub mod explain;
pub mod lambda;
pub mod local;
pub mod setup;
pub mod sink;
pub mod summary;

use std::{ffi::OsString, process::ExitCode};

use crate::environment::{Environment, Place};

/// Finds out where we are and does the work there.
pub fn dispatch(environment: &Environment, arguments: Vec<OsString>) -> ExitCode {
    match environment.place() {
        Place::Lambda => lambda::main(environment),
        Place::Terminal => local::main(environment, arguments),
    }
}

/// One thread: the work is waiting, and a second thread would cost start-up time and memory.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}
