//! The container's first process: connects the container to the supervisor from the inside.
//!
//! udocker changes what passes through it: values lose white space and newlines, the image's
//! variables win over an `--env-file`, F modes put every variable on the command line of `env`,
//! empty arguments are dropped, R modes without a terminal lose the exit status, and its own
//! messages share the container's output. So all of that goes around it, through a directory both
//! sides see:
//!
//! ```text
//! handoff/env      NAME=value, NUL-terminated; 0600, removed when read
//! handoff/argv     the command's words, NUL-terminated
//! handoff/stdout   named pipe
//! handoff/stderr   named pipe
//! handoff/status   named pipe: "exit 7" or "signal 9"
//! ```
//!
//! In P, R and S modes the supervisor's binary is the entrypoint (`faas-init HANDOFF`).
//! F modes cannot run a static binary in the image; there it stands in for the `env` command with
//! which udocker starts the engine (`env -i NAME=value… LOADER COMMAND…`, found on `PATH`).
//!
//! Where the command is on this side of the container (F modes without udocker), the keeper does what init would do, see
//! [`super::keeper`]. Under proot without udocker, init becomes the command (`faas-init HANDOFF in-place`), as proot takes
//! milliseconds to start another process; proot itself tells the keeper how it ended.

mod command;
pub mod env;
mod teller;

use std::{ffi::OsString, fs, io, os::unix::process::CommandExt, path::Path, process::ExitCode};

use nix::{
    sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction},
    unistd::Pid,
};

use command::{command_words, prepare};

pub(super) use command::no_input;
pub(super) use teller::{GONE, Teller};

/// What makes the first process become the command.
pub const IN_PLACE: &str = "in-place";
/// File of the handoff in which the process that becomes the command says which it is.
const PID: &str = "pid";

/// Plays the entrypoint: `faas-init HANDOFF [in-place]`.
pub fn play(arguments: &[OsString]) -> ExitCode {
    let inherited = std::env::vars_os().collect();
    match arguments {
        [handoff] => {
            let handoff = Path::new(handoff);
            let command = command_words(handoff).unwrap_or_default();
            serve(handoff, inherited, &command)
        }
        [handoff, word] if word == IN_PLACE => become_command(Path::new(handoff), inherited),
        _ => ExitCode::from(teller::NOT_EXECUTABLE),
    }
}

/// Runs the command between the pipes and reports how it ended.
fn serve(handoff: &Path, base: Vec<(OsString, OsString)>, command: &[OsString]) -> ExitCode {
    let Ok(mut teller) = Teller::new(handoff) else {
        return ExitCode::from(teller::NOT_EXECUTABLE);
    };
    let ran = prepare(handoff, base, command).and_then(|mut child| {
        outlive_stop();
        child.spawn()?.wait()
    });
    ExitCode::from(match ran {
        Ok(status) => teller.ended(status),
        Err(error) => teller.failed(command, &error),
    })
}

/// Says which process this is, and is the command from then on.
fn become_command(handoff: &Path, base: Vec<(OsString, OsString)>) -> ExitCode {
    let Ok(mut teller) = Teller::new(handoff) else {
        return ExitCode::from(teller::NOT_EXECUTABLE);
    };
    let command = command_words(handoff).unwrap_or_default();
    let ready = fs::write(handoff.join(PID), Pid::this().to_string())
        .and_then(|()| prepare(handoff, base, &command));
    let error = match ready {
        Ok(mut ready) => ready.exec(),
        Err(error) => error,
    };
    ExitCode::from(teller.failed(&command, &error))
}

/// The process that became the command, if it has said so.
pub(super) fn pid_in_place(handoff: &Path) -> Option<Pid> {
    let text = fs::read_to_string(handoff.join(PID)).ok()?;
    text.parse().ok().map(Pid::from_raw)
}

/// What a process on this side of the container does in place of the first one: the command, between the pipes, with the
/// engine's `variables` and its own.
///
/// # Errors
/// The operating system's; the supervisor has been told then.
pub(super) fn stand_in(
    handoff: &Path,
    variables: Vec<(OsString, OsString)>,
    teller: &mut Teller,
) -> io::Result<std::process::Command> {
    let words = command_words(handoff).unwrap_or_default();
    prepare(handoff, variables, &words).inspect_err(|error| {
        teller.failed(&words, error);
    })
}

/// Whoever stops the tree signals every process of it; this one stays to report the status.
/// A handler, not "ignore": handlers are reset when the command is executed.
#[allow(unsafe_code)]
fn outlive_stop() {
    extern "C" fn stay(_signal: i32) {}
    let action = SigAction::new(
        SigHandler::Handler(stay),
        SaFlags::SA_RESTART,
        SigSet::empty(),
    );
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        // SAFETY: the handler does nothing, so it is async-signal-safe.
        let _keeps_the_default = unsafe { sigaction(signal, &action) };
    }
}
