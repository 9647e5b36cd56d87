//! The supervisor's side of the directory that the container's first process works with; see
//! [`crate::shim::init`] for what is in it.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::{
    log::{LogPump, Stream},
    outcome::RunEnd,
};
use crate::{
    error::ContainerError,
    shim::{init::BEGUN, inlet::Inlet, launch_spec::terminated},
    variable::Variable,
};

/// Bytes read from a pipe at once (a pipe holds 64 KiB, pipe(7)).
pub const READ_SIZE: usize = 64 * 1024;
/// Most that is taken from the pipes after the end: what they can hold, several times over. A
/// process that outlived everything could write for ever.
const DRAIN_LIMIT: usize = 64 * READ_SIZE;

/// One run's handoff. The directory goes with it, and with it whatever was not read.
#[derive(Debug)]
pub struct RunPipes {
    directory: PathBuf,
    /// Standard output of the container.
    pub stdout: Inlet,
    /// Standard error of the container.
    pub stderr: Inlet,
    /// How it ended.
    pub status: Inlet,
    words: Words,
}

/// How the container's first process learns what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Words {
    /// The shim tells it.
    Told,
    /// It finds them in the directory, and removes the variables when it has them.
    Written,
}

impl RunPipes {
    /// Makes the directory and the pipes in it.
    ///
    /// # Errors
    /// [`ContainerError::Io`], which names the directory.
    pub fn make(directory: &Path) -> Result<Self, ContainerError> {
        let action = format!("prepare {}", directory.display());
        Self::make_in(directory).map_err(ContainerError::io(action))
    }

    fn make_in(directory: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().mode(0o700).create(directory)?;
        let open = |name: &str| Inlet::make(&directory.join(name));
        Ok(Self {
            directory: directory.to_owned(),
            stdout: open("stdout")?,
            stderr: open("stderr")?,
            status: open("status")?,
            words: Words::Told,
        })
    }

    /// Writes the command and its variables, for a first process that udocker starts.
    ///
    /// # Errors
    /// [`ContainerError::Io`], which names the file.
    pub fn write(
        &mut self,
        argv: &[OsString],
        variables: &[Variable],
    ) -> Result<(), ContainerError> {
        let assignments = variables.iter().map(|v| format!("{}={}", v.name, v.value));
        for (name, content) in [("argv", terminated(argv)), ("env", terminated(assignments))] {
            let path = self.directory.join(name);
            let action = format!("write {}", path.display());
            write_new(&path, &content).map_err(ContainerError::io(action))?;
        }
        self.words = Words::Written;
        Ok(())
    }

    /// Whether the first process has begun, or may have.
    pub fn has_started(&self) -> bool {
        match self.words {
            Words::Told => self.directory.join(BEGUN).exists(),
            Words::Written => !self.directory.join("env").exists(),
        }
    }

    /// Takes what is in the pipes by now.
    pub fn drain(&mut self, pump: &mut LogPump<'_>, status: &mut Vec<u8>) {
        let mut buffer = vec![0; READ_SIZE];
        for (stream, pipe) in [
            (Stream::Stdout, &mut self.stdout),
            (Stream::Stderr, &mut self.stderr),
        ] {
            let mut taken = 0;
            while taken < DRAIN_LIMIT
                && let Ok(read @ 1..) = pipe.take(&mut buffer)
            {
                pump.push(stream, &buffer[..read]);
                taken += read;
            }
        }
        if let Ok(read @ 1..) = self.status.take(&mut buffer) {
            status.extend_from_slice(&buffer[..read]);
        }
    }
}

impl Drop for RunPipes {
    fn drop(&mut self) {
        // A workspace that is kept must not keep the variables of a container that did not start.
        let _workspace_removes_it_too = fs::remove_dir_all(&self.directory);
    }
}

/// `exit N` or `signal N`, as the container's first process writes it; other lines may follow.
pub fn parse_status(lines: &[u8]) -> Option<RunEnd> {
    let line = lines.split(|&b| b == b'\n').next()?;
    let (kind, number) = std::str::from_utf8(line).ok()?.trim().split_once(' ')?;
    let number = number.parse().ok()?;
    match kind {
        "exit" => Some(RunEnd::Exited(number)),
        "signal" => Some(RunEnd::Killed(number)),
        _ => None,
    }
}

/// Readable by this user only.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    io::Write::write_all(&mut file, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_word_and_a_number() {
        assert_eq!(parse_status(b"exit 7\n"), Some(RunEnd::Exited(7)));
        assert_eq!(parse_status(b"signal 9\n"), Some(RunEnd::Killed(9)));
        for wrong in ["", "exit", "exit x", "stopped 3", "exit 7 8"] {
            assert_eq!(parse_status(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
