//! The places the supervisor is started in: thin adapters over [`crate::invocation`].

pub mod as_lambda;
pub mod doctor;
pub mod explain;
pub mod job;
pub mod lambda;
pub mod local;
pub mod setup;
pub mod sink;
pub mod summary;

use std::{ffi::OsString, io::Write, process::ExitCode};

use anyhow::Context as _;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

use environment::{Environment, Platform};

/// Finds out where we are and does the work there.
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
    match environment.place() {
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

/// The words after `--`: the command of the image we are in, for runs that ask for it.
fn image_command(arguments: &[OsString]) -> Vec<String> {
    let words = arguments.iter().skip_while(|word| *word != "--").skip(1);
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect()
}

/// Does the work of an entry. On one thread: the work is waiting, and a second thread would cost start-up time and
/// memory.
fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let _can_be_started = std::thread::Builder::new()
        .spawn(|| ())
        .map_err(|error| match getrlimit(Resource::RLIMIT_NPROC) {
            Ok((limit, _)) if limit != RLIM_INFINITY => anyhow::anyhow!(
                "cannot start a thread: {error}: this user may have {limit} processes and threads (ulimit -u); raise that \
                 limit or end other processes"
            ),
            _ => anyhow::anyhow!("cannot start a thread: {error}: memory or a limit of processes is used up"),
        })?
        .join();
    // What waits for signals panics without it.
    let _can_be_made = std::os::unix::net::UnixStream::pair()
        .context("cannot make a pair of sockets (socketpair), which signals and containers are waited for with")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context(
            "cannot prepare to wait for anything (epoll_create1, eventfd2, socketpair, fcntl)",
        )?;
    let done = runtime.block_on(work);
    // A look-up that is stuck on another thread must not hold up the end.
    runtime.shutdown_background();
    done
}

/// The exit code of an entry that ran one event, or the reason why it could not.
fn ended(result: anyhow::Result<i32>) -> ExitCode {
    match result {
        Ok(code) => ExitCode::from(u8::try_from(code & 0xff).unwrap_or(1)),
        Err(error) => {
            complain(&format!("error: {error:#}\n"));
            ExitCode::FAILURE
        }
    }
}

fn complain(text: &str) {
    let _closed_pipe = std::io::stderr().write_all(text.as_bytes());
}
