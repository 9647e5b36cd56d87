//! Entries: one for each way in which the supervisor is started. Thin adapters over [`crate::invocation`].

pub mod as_lambda;
pub mod doctor;
pub mod explain;
pub mod job;
pub mod lambda;
pub mod local;
mod process;
pub mod setup;
pub mod sink;
pub mod summary;

use std::{ffi::OsString, process::ExitCode};

use nix::sys::resource::{Resource, getrlimit};

use self::process::complain;
use environment::{Environment, Platform};

/// Runs the entry that the environment and the command line ask for.
pub fn dispatch(environment: &Environment, arguments: Vec<OsString>) -> ExitCode {
    if arguments.get(1).is_some_and(|word| word == doctor::NAME) {
        return doctor::main(environment, &arguments);
    }
    if has_a_small_stack() {
        // The stack of a thread of its own does not count against the limit.
        let environment = environment.clone();
        let work = move || dispatch_here(&environment, arguments);
        let thread = std::thread::Builder::new()
            .stack_size(STACK_SIZE)
            .spawn(work);
        return match thread.map(std::thread::JoinHandle::join) {
            Ok(Ok(code)) => code,
            Ok(Err(_panicked)) => ExitCode::FAILURE,
            Err(error) => {
                complain(&format!(
                    "error: the limit of the stack is below {STACK_SIZE} bytes (ulimit -s), and no thread with a larger one can be started: {error}; raise the limit\n"
                ));
                ExitCode::FAILURE
            }
        };
    }
    dispatch_here(environment, arguments)
}

/// What an invocation may need of the stack, in bytes, several times over.
const STACK_SIZE: usize = 8 << 20;
/// A main thread with less than this, in bytes, is not used.
const SMALL_STACK: u64 = 2 << 20;

fn has_a_small_stack() -> bool {
    getrlimit(Resource::RLIMIT_STACK).is_ok_and(|(limit, _)| limit < SMALL_STACK)
}

fn dispatch_here(environment: &Environment, arguments: Vec<OsString>) -> ExitCode {
    let command = image_command(&arguments);
    match environment.platform() {
        Platform::Lambda => lambda::main(environment, command),
        Platform::Terminal if job::is_meant(environment, &arguments) => {
            job::main(environment, command)
        }
        Platform::Terminal => local::main(environment, arguments),
    }
}

/// The whole command line, for manual pages and completions. Parsing uses its two parts one by one: [`dispatch`] takes the
/// first word for itself.
pub fn command_line() -> clap::Command {
    local::command_line()
        .args_conflicts_with_subcommands(true)
        .subcommand(doctor::command_line().name(doctor::NAME))
}

/// The words after `--`: the command of the image that the supervisor is in.
fn image_command(arguments: &[OsString]) -> Vec<String> {
    let words = arguments.iter().skip_while(|word| *word != "--").skip(1);
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect()
}
