//! What the keeper does for the container's first process, see [`crate::container::init`].

use std::{
    ffi::OsString,
    io::{self, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::process::ExitStatusExt,
    },
    path::{Path, PathBuf},
    process::{ChildStderr, Command, ExitStatus, Stdio},
};

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use crate::container::{
    init::{IN_PLACE, Teller, no_input, pid_in_place, stand_in},
    order::Order,
    role::INIT_NAME,
};

/// Longest line of proot that is looked at, in bytes.
const LONGEST_LINE: usize = 4096;

/// One of three.
#[derive(Debug)]
pub(super) enum Part {
    /// Nothing: it is in the container and tells for itself.
    None,
    /// All of it.
    StandIn {
        /// Where the command is.
        handoff: PathBuf,
        teller: Teller,
    },
    /// It becomes the command, and proot tells how that ended: a line of its messages, at verbosity 1.
    Listener(Listener),
}

/// What is heard from proot.
#[derive(Debug)]
pub(super) struct Listener {
    handoff: PathBuf,
    teller: Teller,
    voice: Option<ChildStderr>,
    line: Vec<u8>,
    told: bool,
}

impl Part {
    /// The part that the command line asks for.
    pub(super) fn of(command: &[OsString]) -> io::Result<Self> {
        match command {
            [program, handoff] if Path::new(program).ends_with(INIT_NAME) => Ok(Self::StandIn {
                teller: Teller::new(Path::new(handoff))?,
                handoff: handoff.into(),
            }),
            [.., handoff, word] if word == IN_PLACE => Ok(Self::Listener(Listener {
                teller: Teller::new(Path::new(handoff))?,
                handoff: handoff.into(),
                voice: None,
                line: Vec::new(),
                told: false,
            })),
            _ => Ok(Self::None),
        }
    }

    /// What is to be started for the order.
    pub(super) fn command(&mut self, order: &Order) -> io::Result<Command> {
        let variables = &order.variables;
        if let Self::StandIn { handoff, teller } = self {
            return stand_in(handoff, variables.clone().into_iter().collect(), teller);
        }
        let mut command = Command::new(&order.line[0]);
        command
            .args(&order.line[1..])
            .env_clear()
            .envs(variables)
            .stdin(no_input()?);
        if matches!(self, Self::Listener(_)) {
            command.stderr(Stdio::piped());
        }
        Ok(command)
    }

    /// It could not be started.
    ///
    /// # Errors
    /// The same, where nobody else is told.
    pub(super) fn not_started(&mut self, command: &Command, error: &io::Error) -> io::Result<u8> {
        let program = command.get_program();
        match self {
            Self::StandIn { teller, .. } => Ok(teller.failed(&[program.to_owned()], error)),
            Self::None | Self::Listener(_) => {
                let text = format!("cannot start {}: {error}", program.display());
                Err(io::Error::new(error.kind(), text))
            }
        }
    }

    /// It has been started.
    pub(super) fn listen_to(&mut self, voice: Option<ChildStderr>) {
        if let Self::Listener(listener) = self {
            if let Some(voice) = &voice {
                let _waits_otherwise = fcntl(voice, FcntlArg::F_SETFL(OFlag::O_NONBLOCK));
            }
            listener.voice = voice;
        }
    }

    /// What to wait for.
    pub(super) fn voice(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Listener(listener) => listener.voice.as_ref().map(AsFd::as_fd),
            Self::None | Self::StandIn { .. } => None,
        }
    }

    /// Takes what has been said; the command's exit code, when that is among it.
    pub(super) fn hear(&mut self) -> Option<u8> {
        match self {
            Self::Listener(listener) => listener.hear(),
            Self::None | Self::StandIn { .. } => None,
        }
    }

    /// What was started has ended.
    pub(super) fn ended(&mut self, status: ExitStatus) {
        match self {
            Self::None => {}
            Self::StandIn { teller, .. } => {
                teller.ended(status);
            }
            Self::Listener(listener) if listener.told => {}
            // proot said nothing of the command: its own status is what there is, if the command has begun.
            Self::Listener(listener) => {
                if pid_in_place(&listener.handoff).is_some() {
                    listener.teller.ended(status);
                }
            }
        }
    }

    /// Nothing of it is left.
    pub(super) fn gone(&mut self) {
        match self {
            Self::None => {}
            Self::StandIn { teller, .. } | Self::Listener(Listener { teller, .. }) => teller.gone(),
        }
    }
}

impl Listener {
    fn hear(&mut self) -> Option<u8> {
        let mut buffer = [0; 4096];
        let mut code = None;
        loop {
            let read = match self.voice.as_mut()?.read(&mut buffer) {
                Ok(read @ 1..) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return code,
                Ok(0) | Err(_) => {
                    self.voice = None;
                    return code;
                }
            };
            for &byte in &buffer[..read] {
                if byte == b'\n' {
                    code = code.or(self.take_line());
                } else if self.line.len() < LONGEST_LINE {
                    self.line.push(byte);
                }
            }
        }
    }

    fn take_line(&mut self) -> Option<u8> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let Some(end) = line.strip_prefix("proot info: ") else {
            // Something that went wrong: for whoever looks at our own messages.
            let _nobody_left_to_tell = writeln!(io::stderr(), "{line}");
            return None;
        };
        let (process, how) = end.split_once(": ")?;
        let status = status(how)?;
        if self.told || !self.is_the_command(process) {
            return None;
        }
        self.told = true;
        Some(self.teller.ended(status))
    }

    /// `pid N`, or in newer versions `vpid 1` for the first one.
    fn is_the_command(&self, process: &str) -> bool {
        let pid = pid_in_place(&self.handoff).map(|pid| format!("pid {pid}"));
        process == "vpid 1" || pid.is_some_and(|pid| pid == process)
    }
}

/// How proot says that a process has ended.
fn status(how: &str) -> Option<ExitStatus> {
    let number = |text: &str| text.trim().parse::<i32>().ok();
    let raw = if let Some(code) = how.strip_prefix("exited with status ") {
        (number(code)? & 0xff) << 8
    } else {
        number(how.strip_prefix("terminated with signal ")?)?
    };
    Some(ExitStatus::from_raw(raw))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_proot_says_of_an_end() {
        let code = |how| status(how).and_then(|status| status.code());
        let signal = |how| status(how).and_then(|status| status.signal());
        assert_eq!(code("exited with status 7"), Some(7));
        assert_eq!(code("exited with status 255"), Some(255));
        assert_eq!(signal("terminated with signal 15"), Some(15));
        assert_eq!(
            status("access to \"/dev/null\" (fd 0) won't be translated"),
            None
        );
    }
}
