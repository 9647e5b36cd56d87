//! What is heard of the container's first process in proot: that it begins, from itself, and how it ended, from proot.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::{fs::OpenOptionsExt, net::UnixStream, process::ExitStatusExt},
    },
    path::Path,
    process::ExitStatus,
};

use crate::shim::init::{BEGINS, StatusWriter};

/// Longest line that is looked at, in bytes.
const LONGEST_LINE: usize = 4096;
/// Most reads before it is looked whether something else has happened.
const MOST_READS: usize = 64;

/// Hears it and tells the supervisor.
#[derive(Debug)]
pub(super) struct Listener {
    status_writer: StatusWriter,
    proot_stderr: Option<UnixStream>,
    line: Vec<u8>,
    /// The first process, once it knows what to become.
    first: Option<String>,
    told: bool,
}

impl Listener {
    /// # Errors
    /// The operating system's, from duplicating the descriptor of the supervisor's socket.
    pub(super) fn new(handoff: &Path) -> io::Result<Self> {
        Ok(Self {
            status_writer: StatusWriter::of_shim(handoff)?,
            proot_stderr: None,
            line: Vec::new(),
            first: None,
            told: false,
        })
    }

    /// proot's standard input and standard error: a file without a name with what the first process is to become, as a pipe
    /// would keep us waiting for whoever does not read it; and a socket, as the container could write to a pipe by its path in
    /// `/proc`, and what proot says is believed.
    ///
    /// # Errors
    /// The operating system's.
    pub(super) fn streams(
        &mut self,
        handoff: &Path,
        command_spec: &[u8],
    ) -> io::Result<(File, UnixStream)> {
        let path = handoff.join("errand");
        let file = without_a_name(&path, command_spec)
            .map_err(|error| named(&error, &format!("cannot write {}", path.display())))?;
        let (ours, theirs) = UnixStream::pair()
            .and_then(|(ours, theirs)| ours.set_nonblocking(true).map(|()| (ours, theirs)))
            .map_err(|error| named(&error, "cannot make a pair of sockets (socketpair)"))?;
        self.proot_stderr = Some(ours);
        self.status_writer.begins();
        Ok((file, theirs))
    }

    /// proot could not be started.
    pub(super) fn never_began(&mut self) {
        self.status_writer.never_began();
    }

    /// What to wait for.
    pub(super) fn proot_stderr(&self) -> Option<BorrowedFd<'_>> {
        self.proot_stderr.as_ref().map(AsFd::as_fd)
    }

    /// proot itself has ended. Where it said nothing of the command, its own status is what there is, if that began.
    pub(super) fn ended(&mut self, status: ExitStatus) {
        if self.first.is_none() {
            self.status_writer.never_began();
        } else if !self.told {
            self.told = true;
            self.status_writer.ended(status);
        }
    }

    /// Takes what has been said; the command's exit code, when that is among it.
    pub(super) fn read_events(&mut self) -> Option<u8> {
        let mut buffer = [0; 4096];
        let mut code = None;
        for _read in 0..MOST_READS {
            let read = match self.proot_stderr.as_mut()?.read(&mut buffer) {
                Ok(read @ 1..) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return code,
                Ok(0) | Err(_) => {
                    self.proot_stderr = None;
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
        code
    }

    fn take_line(&mut self) -> Option<u8> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        if let Some(pid) = line.strip_prefix(BEGINS) {
            self.first.get_or_insert(format!("pid {pid}"));
            return None;
        }
        let Some(end) = line.strip_prefix("proot info: ") else {
            // Something that went wrong: for whoever looks at our own messages.
            let _nobody_left_to_tell = writeln!(io::stderr(), "{line}");
            return None;
        };
        let (process, how) = end.split_once(": ")?;
        let status = status(how)?;
        // Newer versions count: the first one is 1. Where that is all there is, it ended before it became the command.
        let first = self.first.as_deref()?;
        let is_first = process == "vpid 1" || process == first;
        if self.told || !is_first {
            return None;
        }
        self.told = true;
        Some(self.status_writer.ended(status))
    }
}

fn named(error: &io::Error, what: &str) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

/// A file with this content, to be read from the start, that nobody else can open.
fn without_a_name(path: &Path, content: &[u8]) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create_new(true).mode(0o600);
    let mut file = options.open(path)?;
    fs::remove_file(path)?;
    file.write_all(content)?;
    file.rewind()?;
    Ok(file)
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
