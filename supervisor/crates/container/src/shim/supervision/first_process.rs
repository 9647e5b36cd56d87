//! What the shim does for the container's first process, see [`crate::shim::init`].

use std::{
    ffi::OsStr,
    io,
    os::fd::{BorrowedFd, OwnedFd},
    process::{Command, ExitStatus, Stdio},
};

use nix::sys::signal::Signal;

use crate::shim::{
    init::{Pipes, StatusWriter, prepare},
    launch_spec::{EngineSpec, FirstProcess, LaunchSpec},
};

use super::listener::Listener;

/// One of three, see [`FirstProcess`].
#[derive(Debug)]
pub(super) enum FirstProcessRole {
    /// Nothing: it is in the container and tells for itself.
    None,
    /// All of it.
    StandIn(StatusWriter),
    /// It listens to proot.
    Listener(Listener),
}

impl FirstProcessRole {
    /// The role that the launch spec asks for.
    ///
    /// # Errors
    /// The operating system's, from duplicating the descriptor of the supervisor's socket.
    pub(super) fn of(engine_spec: &EngineSpec) -> io::Result<Self> {
        Ok(match engine_spec.first {
            FirstProcess::Inside => Self::None,
            FirstProcess::Shim => Self::StandIn(StatusWriter::of_shim(&engine_spec.handoff)?),
            FirstProcess::InProot => Self::Listener(Listener::new(&engine_spec.handoff)?),
        })
    }

    /// What ends it when the shim is killed. proot takes down its container at this one, and its temporary files.
    pub(super) fn without_us(&self) -> Signal {
        match self {
            Self::None | Self::StandIn(_) => Signal::SIGKILL,
            Self::Listener(_) => Signal::SIGQUIT,
        }
    }

    /// What is started.
    ///
    /// # Errors
    /// The operating system's. A command that fails here has been reported to the supervisor where the shim stands in for init.
    pub(super) fn command(&mut self, spec: &LaunchSpec) -> io::Result<Command> {
        let LaunchSpec {
            engine_spec,
            command_spec,
        } = spec;
        match self {
            Self::None => {
                let mut command = engine(engine_spec)?;
                command.stdin(Stdio::null());
                Ok(command)
            }
            Self::StandIn(status_writer) => {
                let (engine, own) = (
                    engine_spec.variables.clone(),
                    command_spec.variables.clone(),
                );
                let pipes = Pipes::open(&engine_spec.handoff);
                let command =
                    pipes.and_then(|pipes| prepare(pipes, engine, own, &command_spec.argv));
                status_writer.begins();
                command.inspect_err(|error| {
                    status_writer.failed(&command_spec.argv, error);
                })
            }
            Self::Listener(listener) => {
                let mut command = engine(engine_spec)?;
                let (input, proot_stderr) =
                    listener.streams(&engine_spec.handoff, &command_spec.encode())?;
                command.stdin(input).stderr(OwnedFd::from(proot_stderr));
                Ok(command)
            }
        }
    }

    /// It could not be started.
    ///
    /// # Errors
    /// The same, where it is not reported to the supervisor.
    pub(super) fn not_started(&mut self, command: &Command, error: &io::Error) -> io::Result<u8> {
        let program = command.get_program();
        match self {
            Self::StandIn(status_writer) => Ok(status_writer.failed(&[program.to_owned()], error)),
            Self::None => Err(cannot_start(program, error)),
            Self::Listener(listener) => {
                listener.never_began();
                Err(cannot_start(program, error))
            }
        }
    }

    /// What to wait for.
    pub(super) fn proot_stderr(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Listener(listener) => listener.proot_stderr(),
            Self::None | Self::StandIn(_) => None,
        }
    }

    /// Takes what has been said; the command's exit code, when that is among it.
    pub(super) fn read_events(&mut self) -> Option<u8> {
        match self {
            Self::Listener(listener) => listener.read_events(),
            Self::None | Self::StandIn(_) => None,
        }
    }

    /// What was started has ended.
    pub(super) fn ended(&mut self, status: ExitStatus) {
        match self {
            Self::None => {}
            Self::StandIn(status_writer) => {
                status_writer.ended(status);
            }
            Self::Listener(listener) => listener.ended(status),
        }
    }
}

fn cannot_start(program: &OsStr, error: &io::Error) -> io::Error {
    let text = format!("cannot start {}: {error}", program.display());
    io::Error::new(error.kind(), text)
}

/// The engine's command.
fn engine(engine_spec: &EngineSpec) -> io::Result<Command> {
    let [program, arguments @ ..] = engine_spec.line.as_slice() else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(&engine_spec.variables);
    Ok(command)
}
