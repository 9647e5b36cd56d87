//! Reports how a command ended, and says why one did not start.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Write},
    os::fd::AsFd as _,
    path::{Path, PathBuf},
    process::ExitStatus,
};

use nix::libc;

use crate::shim::{
    inlet::outlet,
    report::{Key, ShimReport},
};

/// Exit status for a command that does not exist, as shells and `docker run` have it.
const NOT_FOUND: u8 = 127;
/// Exit status for a command that cannot be executed.
pub(crate) const NOT_EXECUTABLE: u8 = 126;

/// Reports to the supervisor.
#[derive(Debug)]
pub(crate) struct StatusWriter {
    status: File,
    /// What makes a report one, where the container can write to `status` too.
    key: Option<Key>,
    handoff: PathBuf,
}

impl StatusWriter {
    /// That of a shim: through its standard input, which is a socket. See [`crate::shim::report`].
    ///
    /// # Errors
    /// The operating system's, from duplicating the descriptor.
    pub(crate) fn of_shim(handoff: &Path) -> io::Result<Self> {
        Ok(Self {
            status: io::stdin().as_fd().try_clone_to_owned()?.into(),
            key: None,
            handoff: handoff.to_owned(),
        })
    }

    /// That of a first process that udocker has started: through the pipe `status`, with the key of the handoff.
    ///
    /// # Errors
    /// The operating system's, from opening the pipe or taking the key.
    pub(crate) fn of_init(handoff: &Path) -> io::Result<Self> {
        Ok(Self {
            status: pipe(handoff, "status")?,
            key: Some(Key::take(handoff)?),
            handoff: handoff.to_owned(),
        })
    }

    fn report(&mut self, report: ShimReport) {
        let line = match &self.key {
            Some(key) => key.sign(report),
            None => report.line(),
        };
        let _nobody_there = self.status.write_all(line.as_bytes());
    }

    /// The command may have begun from now on, so nobody starts it again.
    pub(crate) fn begins(&mut self) {
        self.report(ShimReport::Begun);
    }

    /// It has not begun after all.
    pub(crate) fn never_began(&mut self) {
        self.report(ShimReport::NotBegun);
    }

    /// The command ended; returns what a shell would exit with.
    pub(crate) fn ended(&mut self, status: ExitStatus) -> u8 {
        let report = ShimReport::of(status);
        self.report(report);
        report.exit_code()
    }

    /// It did not start: says and reports what a shell would.
    pub(crate) fn failed(&mut self, command: &[OsString], error: &io::Error) -> u8 {
        let code = say_not_started(&self.handoff, command, error);
        self.report(ShimReport::Exited(code.into()));
        code
    }
}

/// Says on the command's standard error why it did not start; what a shell would exit with then.
pub(crate) fn say_not_started(handoff: &Path, command: &[OsString], error: &io::Error) -> u8 {
    if let Ok(mut stderr) = pipe(handoff, "stderr") {
        let _nobody_there = writeln!(stderr, "{}", reason(command, error));
    }
    if error.kind() == io::ErrorKind::NotFound {
        NOT_FOUND
    } else {
        NOT_EXECUTABLE
    }
}

/// Why a command did not start, and the way out where there is one.
fn reason(command: &[OsString], error: &io::Error) -> String {
    let name = command.first().map(|c| c.to_string_lossy());
    let name = name.unwrap_or_else(|| "no command".into());
    match error.raw_os_error() {
        // The first word may be a loader that nobody has asked for.
        Some(libc::E2BIG) => format!(
            "the command cannot be started: its arguments and variables together are longer than the system allows, or one of \
             them is longer than 128 KiB ({error}); shorten cmd_args, or have the command read the file that EVENT_FILE names"
        ),
        Some(libc::EAGAIN) => format!(
            "exec {name}: no process can be started ({error}): the limit of processes (ulimit -u) is used up, or memory is"
        ),
        Some(libc::EPERM | libc::ENOSYS) => format!(
            "exec {name}: {error}: the file may not be executed here, or the sandbox denies a system call that starts a process \
             (vfork or clone, pipe2, dup2, setsid, execve): `supervisor doctor` shows which"
        ),
        _ => format!("exec {name}: {error}"),
    }
}

/// A pipe of the handoff, to be written to.
pub(super) fn pipe(handoff: &Path, name: &str) -> io::Result<File> {
    outlet(&handoff.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_that_is_too_long_is_not_the_loaders_fault() {
        let command = ["/lib/ld.so".into(), "/bin/echo".into()];
        let text = reason(&command, &io::Error::from_raw_os_error(libc::E2BIG));
        assert!(
            !text.contains("ld.so") && text.contains("EVENT_FILE"),
            "{text}"
        );
        let text = reason(&command, &io::Error::from_raw_os_error(libc::ENOENT));
        assert!(text.starts_with("exec /lib/ld.so: No such file"), "{text}");
    }

    #[test]
    fn a_first_process_without_a_key_reports_nothing() {
        let handoff = tempfile::tempdir().unwrap();
        std::fs::write(handoff.path().join("status"), "").unwrap();
        assert!(StatusWriter::of_init(handoff.path()).is_err());
    }
}
