//! Tries in a process of its own what sandboxes forbid, and what could not be taken back. What [`crate::sandbox`] tries comes
//! by the same way.

use std::{
    ffi::OsString,
    path::Path,
    process::{Command, ExitCode, Stdio},
};

use nix::{
    sched::{CloneFlags, unshare},
    sys::ptrace::traceme,
};

use super::role;
use crate::sandbox;

/// What can be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// To be traced: P modes.
    Ptrace,
    /// A user namespace of one's own: R modes for those who are not root, and overlays.
    UserNamespace,
}

impl Probe {
    fn word(self) -> &'static str {
        match self {
            Self::Ptrace => "ptrace",
            Self::UserNamespace => "user-namespace",
        }
    }

    /// Whether it can be done here; `supervisor` is this program's file.
    pub fn succeeds(self, supervisor: &Path) -> bool {
        use std::os::unix::process::CommandExt as _;
        let mut process = Command::new(supervisor);
        process.arg0(role::PROBE).arg(self.word());
        let quiet = process.stdin(Stdio::null()).stderr(Stdio::null());
        quiet.status().is_ok_and(|status| status.success())
    }
}

/// Plays the probe: `faas-probe WHAT`.
pub fn play(arguments: &[OsString]) -> ExitCode {
    match arguments.split_first() {
        Some((word, rest)) if word == sandbox::WORD => return sandbox::play(rest),
        Some((word, _)) if word == sandbox::STARTED => return ExitCode::SUCCESS,
        _ => {}
    }
    let asked = |probe: &Probe| arguments.first().is_some_and(|word| word == probe.word());
    let done = match [Probe::Ptrace, Probe::UserNamespace]
        .into_iter()
        .find(asked)
    {
        Some(Probe::Ptrace) => traceme(),
        Some(Probe::UserNamespace) => unshare(CloneFlags::CLONE_NEWUSER),
        None => return ExitCode::from(2),
    };
    ExitCode::from(u8::from(done.is_err()))
}
