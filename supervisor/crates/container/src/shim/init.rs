//! The container's first process: connects the container to the supervisor from the inside.
//!
//! udocker changes what passes through it: values lose white space and newlines, the image's
//! variables win over an `--env-file`, F modes put every variable on the command line of `env`,
//! empty arguments are dropped, R modes without a terminal lose the exit status, and its own
//! messages share the container's output. So all of that goes around it, through a directory both
//! sides see:
//!
//! ```text
//! handoff/env      NAME=value, NUL-terminated; 0600, removed when read (udocker)
//! handoff/argv     the command's words, NUL-terminated (udocker)
//! handoff/stdout   named pipe
//! handoff/stderr   named pipe
//! handoff/status   named pipe: "KEY exit 7" or "KEY signal 9" (udocker)
//! handoff/key      KEY, which the container must not know; 0600, removed when read (udocker)
//! ```
//!
//! Where a sandbox denies named pipes they are sockets, see [`crate::shim::inlet`].
//!
//! In P, R and S modes the supervisor's binary is the entrypoint (`faas-init HANDOFF`).
//! F modes cannot run a static binary in the image; there it stands in for the `env` command with
//! which udocker starts the engine (`env -i NAME=value… LOADER COMMAND…`, found on `PATH`).
//!
//! Without udocker there is less in the way: only the pipes of the output are in the directory, the shim knows the rest from
//! the [`CommandSpec`], and reports how the command ended where the container cannot write, see [`crate::shim::report`]. Where the command is on this side of the container (F modes, jobs), it does what init would do, see
//! [`crate::shim::supervision`]. In proot, init (`faas-init HANDOFF in-proot`) reads the [`CommandSpec`] from its standard input and becomes the
//! command, as proot takes milliseconds for another process; proot itself tells the shim how the command ended.

mod command;
pub mod env;
mod status_writer;

use std::{
    ffi::OsString,
    io::{self, Write},
    os::unix::process::CommandExt,
    path::Path,
    process::ExitCode,
};

use nix::{
    sys::{
        prctl,
        signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction},
    },
    unistd::{AccessFlags, Pid, access},
};

use super::argv0::INIT_PATH;
use crate::shim::{launch_spec::CommandSpec, parts::read_part};
use command::{command_words, take_variables};

pub(crate) use command::{Pipes, prepare};
pub(crate) use status_writer::StatusWriter;

/// What makes the first process become the command.
pub const IN_PROOT: &str = "in-proot";
/// What it says to the shim then: this and its process id.
pub(crate) const BEGINS: &str = "faas-init: pid ";

/// What it says where it is not in the container.
const OUTSIDE: &str =
    "proot translates no paths; another one can be named in UDOCKER_USE_PROOT_EXECUTABLE";

/// Plays the entrypoint: `faas-init HANDOFF [in-proot]`.
pub fn play(arguments: &[OsString]) -> ExitCode {
    let inherited = std::env::vars_os().collect();
    match arguments {
        [handoff] => {
            let handoff = Path::new(handoff);
            let command = command_words(handoff).unwrap_or_default();
            serve(handoff, inherited, &command)
        }
        [handoff, word] if word == IN_PROOT => become_command(Path::new(handoff), inherited),
        _ => ExitCode::from(status_writer::NOT_EXECUTABLE),
    }
}

/// Runs the command between the pipes and reports how it ended.
fn serve(handoff: &Path, base: Vec<(OsString, OsString)>, command: &[OsString]) -> ExitCode {
    let Ok(mut status_writer) = StatusWriter::of_init(handoff) else {
        return ExitCode::from(status_writer::NOT_EXECUTABLE);
    };
    let ran = take_variables(handoff)
        .and_then(|own| prepare(Pipes::open(handoff)?, base, own, command))
        .and_then(|mut child| {
            outlive_stop();
            child.spawn()?.wait()
        });
    ExitCode::from(match ran {
        Ok(status) => status_writer.ended(status),
        Err(error) => status_writer.failed(command, &error),
    })
}

/// Becomes the command that standard input describes.
fn become_command(handoff: &Path, base: Vec<(OsString, OsString)>) -> ExitCode {
    // Without proot it would go on, on the host's root. The command keeps this; for what it starts, there is the shim.
    let _asked_below = prctl::set_pdeathsig(Signal::SIGKILL);
    let pipes = Pipes::open(handoff);
    let described = read_part(&mut io::stdin().lock())
        .and_then(|part| CommandSpec::parse(&part.ok_or(io::ErrorKind::UnexpectedEof)?));
    if !is_inside() {
        let _nobody_there = writeln!(io::stderr(), "{OUTSIDE}");
        return ExitCode::from(status_writer::NOT_EXECUTABLE);
    }
    // Not before: outside of the container nothing has begun.
    let _nobody_there = writeln!(io::stderr(), "{BEGINS}{}", Pid::this());
    let (command, ready) = match described {
        Ok(CommandSpec {
            argv, variables, ..
        }) => {
            let ready = pipes.and_then(|pipes| prepare(pipes, base, variables, &argv));
            (argv, ready)
        }
        Err(error) => (Vec::new(), Err(error)),
    };
    let error = match ready {
        Ok(mut ready) => ready.exec(),
        Err(error) => error,
    };
    // proot tells the shim.
    ExitCode::from(status_writer::say_not_started(handoff, &command, &error))
}

/// Whether proot is there still. One that is being killed leaves what it traced to run on, on the host's root, where this
/// path is not; one that does not answer any more keeps us waiting for our own end.
fn is_inside() -> bool {
    access(INIT_PATH, AccessFlags::F_OK).is_ok()
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
