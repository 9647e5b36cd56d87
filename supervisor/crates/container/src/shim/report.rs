//! What is reported of a run, one line each.
//!
//! A shim reports to the supervisor through the socket that is its standard input. No process of the container has that
//! descriptor, and a socket, unlike a pipe, cannot be opened by its path in `/proc`: what a container writes is never taken for
//! a report. A first process that udocker starts has no such socket. It puts a key before its report, see [`Key`].

use std::{
    collections::hash_map::RandomState,
    fs,
    hash::{BuildHasher as _, Hasher as _},
    io,
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::ExitStatus,
};

/// Name of the key's file.
const KEY_FILE: &str = "key";

/// One report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShimReport {
    /// The command may have begun from now on, so nobody starts it again.
    Begun,
    /// It has not begun after all.
    NotBegun,
    /// The command ended with this status.
    Exited(i32),
    /// This signal ended the command.
    Killed(i32),
    /// Nothing of the run is left, which may be long before the shim itself has ended.
    Gone,
}

impl ShimReport {
    /// How a command ended.
    pub fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Exited(code),
            (None, Some(signal)) => Self::Killed(signal),
            (None, None) => Self::Exited(1),
        }
    }

    /// What a shell would exit with after such an end; 0 where it is none.
    pub fn exit_code(self) -> u8 {
        let code = match self {
            Self::Exited(code) => code & 0xff,
            Self::Killed(signal) => 128 + signal,
            Self::Begun | Self::NotBegun | Self::Gone => 0,
        };
        u8::try_from(code).unwrap_or(u8::MAX)
    }

    /// The line that is sent.
    pub fn line(self) -> String {
        match self {
            Self::Begun => "begun\n".to_owned(),
            Self::NotBegun => "not-begun\n".to_owned(),
            Self::Exited(code) => format!("exit {code}\n"),
            Self::Killed(signal) => format!("signal {signal}\n"),
            Self::Gone => "gone\n".to_owned(),
        }
    }

    /// The report of a line, which may lack its newline.
    pub fn parse(line: &str) -> Option<Self> {
        let line = line.trim_end();
        let number = |text: &str| text.parse().ok();
        match line.split_once(' ') {
            Some(("exit", code)) => number(code).map(Self::Exited),
            Some(("signal", signal)) => number(signal).map(Self::Killed),
            Some(_) => None,
            None => match line {
                "begun" => Some(Self::Begun),
                "not-begun" => Some(Self::NotBegun),
                "gone" => Some(Self::Gone),
                _ => None,
            },
        }
    }
}

/// A word that only the supervisor and the container's first process know: that reads and removes its file before the command
/// begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// A new one, 128 bits that nobody can guess.
    pub fn random() -> Self {
        // Each has keys of its own, from the kernel's random numbers.
        let half = || RandomState::new().build_hasher().finish();
        Self(format!("{:016x}{:016x}", half(), half()))
    }

    /// Its bytes, and its file, for whoever writes it.
    pub fn file(&self) -> (&'static str, &[u8]) {
        (KEY_FILE, self.0.as_bytes())
    }

    /// Takes it out of a handoff directory.
    ///
    /// # Errors
    /// The operating system's: a key that stays there is none.
    pub fn take(handoff: &Path) -> io::Result<Self> {
        let path = handoff.join(KEY_FILE);
        let key = fs::read_to_string(&path)?;
        fs::remove_file(&path)?;
        Ok(Self(key))
    }

    /// The line of a report that bears it.
    pub fn sign(&self, report: ShimReport) -> String {
        // What the container has written before it may not end in a newline.
        format!("\n{} {}", self.0, report.line())
    }

    /// The first report among these lines that bears it. Other lines are the container's.
    pub fn verify(&self, lines: &[u8]) -> Option<ShimReport> {
        let complete = lines.iter().rposition(|&byte| byte == b'\n');
        let lines = String::from_utf8_lossy(&lines[..complete.map_or(0, |at| at + 1)]);
        let mut signed = lines
            .lines()
            .filter_map(|line| line.strip_prefix(&self.0)?.strip_prefix(' '));
        signed.find_map(ShimReport::parse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_arrives_as_it_was_sent() {
        for report in [
            ShimReport::Begun,
            ShimReport::NotBegun,
            ShimReport::Exited(7),
            ShimReport::Killed(9),
            ShimReport::Gone,
        ] {
            assert_eq!(ShimReport::parse(&report.line()), Some(report));
        }
        for wrong in ["", "exit", "exit x", "stopped 3", "exit 7 8", "gone 1"] {
            assert_eq!(ShimReport::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_end_has_the_exit_code_of_a_shell() {
        let ended = |raw| ShimReport::of(ExitStatus::from_raw(raw));
        assert_eq!(ended(7 << 8), ShimReport::Exited(7));
        assert_eq!(ended(9), ShimReport::Killed(9));
        assert_eq!(ended(9).exit_code(), 137);
        assert_eq!(ended(7 << 8).exit_code(), 7);
    }

    #[test]
    fn only_what_bears_the_key_is_believed() {
        let key = Key::random();
        assert_ne!(key, Key::random());
        let said = format!("exit 0\n{} exit 0\n", Key::random().0);
        assert_eq!(key.verify(said.as_bytes()), None);
        let signed = key.sign(ShimReport::Killed(9));
        let cut = format!("{said}{}", &signed[..signed.len() - 1]);
        assert_eq!(key.verify(cut.as_bytes()), None, "half a line is no report");
        let said = said + "no newline" + &signed;
        assert_eq!(key.verify(said.as_bytes()), Some(ShimReport::Killed(9)));
    }

    #[test]
    fn a_key_can_be_taken_once() {
        let handoff = tempfile::tempdir().unwrap();
        let key = Key::random();
        let (name, bytes) = key.file();
        fs::write(handoff.path().join(name), bytes).unwrap();
        assert_eq!(Key::take(handoff.path()).unwrap(), key);
        assert!(Key::take(handoff.path()).is_err());
    }
}
