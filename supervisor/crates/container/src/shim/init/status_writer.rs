//! Reports a command's end to the supervisor through the pipe `status`, one line each.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Write},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::ExitStatus,
};

use crate::shim::inlet::outlet;

/// File of the handoff. It exists from the moment at which the shim lets the command begin.
pub(crate) const BEGUN: &str = "begun";
/// Exit status for a command that does not exist, as shells and `docker run` have it.
const NOT_FOUND: u8 = 127;
/// Exit status for a command that cannot be executed.
pub(crate) const NOT_EXECUTABLE: u8 = 126;

/// Who tells.
#[derive(Debug)]
pub(crate) struct StatusWriter {
    status: File,
    handoff: PathBuf,
}

impl StatusWriter {
    /// # Errors
    /// The operating system's, from opening the pipe.
    pub(crate) fn new(handoff: &Path) -> io::Result<Self> {
        Ok(Self {
            status: pipe(handoff, "status")?,
            handoff: handoff.to_owned(),
        })
    }

    /// From now on the command may have begun: whatever happens, it is not started again.
    pub(crate) fn begins(&self) {
        let _killed_before_then = File::create(self.handoff.join(BEGUN));
    }

    /// It has not begun after all.
    pub(crate) fn never_began(&self) {
        let _was_not_said = std::fs::remove_file(self.handoff.join(BEGUN));
    }

    /// The command ended; tells what a shell would exit with.
    pub(crate) fn ended(&mut self, status: ExitStatus) -> u8 {
        let (line, code) = match (status.code(), status.signal()) {
            (Some(code), _) => (format!("exit {code}\n"), code & 0xff),
            (None, Some(signal)) => (format!("signal {signal}\n"), 128 + signal),
            (None, None) => ("exit 1\n".to_owned(), 1),
        };
        let _told = self.status.write_all(line.as_bytes());
        u8::try_from(code).unwrap_or(u8::MAX)
    }

    /// It did not start: says and tells what a shell would.
    pub(crate) fn failed(&mut self, command: &[OsString], error: &io::Error) -> u8 {
        let code = if error.kind() == io::ErrorKind::NotFound {
            NOT_FOUND
        } else {
            NOT_EXECUTABLE
        };
        let name = command.first().map(|c| c.to_string_lossy().into_owned());
        if let Ok(mut stderr) = pipe(&self.handoff, "stderr") {
            let name = name.unwrap_or_else(|| "no command".into());
            let _told = writeln!(stderr, "exec {name}: {error}");
        }
        let _told = self.status.write_all(format!("exit {code}\n").as_bytes());
        code
    }
}

/// A pipe of the handoff, to be written to.
pub(super) fn pipe(handoff: &Path, name: &str) -> io::Result<File> {
    outlet(&handoff.join(name))
}
