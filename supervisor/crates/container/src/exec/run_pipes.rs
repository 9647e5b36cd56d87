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
    shim::{
        inlet::Inlet,
        parts::terminated,
        report::{Key, ShimReport},
    },
    variable::Variable,
};

/// Bytes read from a pipe at once (a pipe holds 64 KiB, pipe(7)).
const READ_SIZE: usize = 64 * 1024;
/// Most that is taken from the pipes after the end: what they can hold, several times over. A
/// process that outlived everything could write for ever.
const DRAIN_LIMIT: usize = 64 * READ_SIZE;

/// What output is read into, for each of the two streams.
#[derive(Debug)]
pub struct Buffers {
    out: Vec<u8>,
    err: Vec<u8>,
}

impl Default for Buffers {
    fn default() -> Self {
        let buffer = || vec![0; READ_SIZE];
        Self {
            out: buffer(),
            err: buffer(),
        }
    }
}

/// One run's handoff. The directory goes with it, and with it whatever was not read.
#[derive(Debug)]
pub struct RunPipes {
    directory: PathBuf,
    stdout: Inlet,
    stderr: Inlet,
    first: FirstProcess,
}

/// The container's first process, as far as it works with the directory.
#[derive(Debug)]
enum FirstProcess {
    /// The shim knows how it ended, and starts it or tells it what to do.
    OfShim,
    /// udocker starts it. It finds command and variables in the directory, removes the variables when it has them, and reports
    /// its end.
    OfUdocker(Box<SignedStatus>),
}

/// The pipe `status`, and what has come through it.
#[derive(Debug)]
struct SignedStatus {
    pipe: Inlet,
    key: Key,
    lines: Vec<u8>,
}

/// Most that is taken from the pipe `status`, in bytes: the container can write to it, too.
const STATUS_LIMIT: usize = READ_SIZE;

impl SignedStatus {
    fn push(&mut self, bytes: &[u8]) {
        let room = STATUS_LIMIT.saturating_sub(self.lines.len());
        self.lines
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
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
            first: FirstProcess::OfShim,
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
        let key = Key::random();
        let (key_name, key_bytes) = key.file();
        for (name, content) in [
            ("argv", terminated(argv)),
            (key_name, key_bytes.to_vec()),
            ("env", terminated(assignments)),
        ] {
            let path = self.directory.join(name);
            let action = format!("write {}", path.display());
            write_new(&path, &content).map_err(ContainerError::io(action))?;
        }
        let path = self.directory.join("status");
        let action = format!("prepare {}", path.display());
        let pipe = Inlet::make(&path).map_err(ContainerError::io(action))?;
        self.first = FirstProcess::OfUdocker(Box::new(SignedStatus {
            pipe,
            key,
            lines: Vec::new(),
        }));
        Ok(())
    }

    /// Whether a first process that udocker starts has taken its variables; none where the shim starts it.
    pub fn has_taken_variables(&self) -> Option<bool> {
        match &self.first {
            FirstProcess::OfShim => None,
            FirstProcess::OfUdocker(_) => Some(!self.directory.join("env").exists()),
        }
    }

    /// How the container ended, where its first process reports that itself and has done so.
    pub fn end(&self) -> Option<RunEnd> {
        let FirstProcess::OfUdocker(status) = &self.first else {
            return None;
        };
        match status.key.verify(&status.lines)? {
            ShimReport::Exited(code) => Some(RunEnd::Exited(code)),
            ShimReport::Killed(signal) => Some(RunEnd::Killed(signal)),
            ShimReport::Begun | ShimReport::NotBegun | ShimReport::Gone => None,
        }
    }

    /// Waits for something to read, from any of the pipes, and passes output on.
    pub async fn pump(&mut self, pump: &mut LogPump<'_>, buffers: &mut Buffers) {
        let Buffers { out, err } = buffers;
        let mut line = [0; 64];
        let status = async {
            match &mut self.first {
                FirstProcess::OfUdocker(status) => {
                    let read = status.pipe.read(&mut line).await.unwrap_or(0);
                    status.push(&line[..read]);
                }
                FirstProcess::OfShim => std::future::pending().await,
            }
        };
        tokio::select! {
            read = self.stdout.read(out) => pump.push(Stream::Stdout, &out[..read.unwrap_or(0)]),
            read = self.stderr.read(err) => pump.push(Stream::Stderr, &err[..read.unwrap_or(0)]),
            () = status => {}
        }
    }

    /// Takes what is in the pipes by now.
    pub fn drain(&mut self, pump: &mut LogPump<'_>) {
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
        if let FirstProcess::OfUdocker(status) = &mut self.first
            && let Ok(read @ 1..) = status.pipe.take(&mut buffer)
        {
            status.push(&buffer[..read]);
        }
    }
}

impl Drop for RunPipes {
    fn drop(&mut self) {
        // A workspace that is kept must not keep the variables of a container that did not start.
        let _workspace_removes_it_too = fs::remove_dir_all(&self.directory);
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
