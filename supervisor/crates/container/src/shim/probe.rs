//! Tries in a process of its own what sandboxes forbid, and what could not be taken back. What [`sandbox_probe`] tries comes
//! by the same way.

use std::{
    ffi::OsString,
    fs,
    path::Path,
    process::{Command, ExitCode, Stdio},
};

use nix::{
    errno::Errno,
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    sys::ptrace::traceme,
    unistd::{getegid, geteuid},
};

use super::argv0;

/// What can be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// To be traced: P modes.
    Ptrace,
    /// A user namespace of one's own in which one may mount: R modes for those who are not root, and overlays.
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
        process.arg0(argv0::PROBE).arg(self.word());
        let quiet = process.stdin(Stdio::null()).stderr(Stdio::null());
        quiet.status().is_ok_and(|status| status.success())
    }
}

/// Has this process be itself in a user and a mount namespace of its own. Where the first step is allowed and a later one is
/// not, it ends up as nobody: to be tried by [`Probe::UserNamespace`] first. To be called while there is one thread.
///
/// # Errors
/// The operating system's.
pub fn enter_user_namespace() -> nix::Result<()> {
    let (user, group) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)?;
    for (file, text) in [
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("{user} {user} 1")),
        ("gid_map", format!("{group} {group} 1")),
    ] {
        fs::write(format!("/proc/self/{file}"), text).map_err(|_| Errno::EPERM)?;
    }
    Ok(())
}

/// Some systems allow the namespace and nothing in it.
fn mount_something() -> nix::Result<()> {
    const NONE: Option<&str> = None;
    mount(Some("probe"), "/dev", Some("tmpfs"), MsFlags::empty(), NONE)
}

/// Plays the probe: `faas-probe WHAT`.
pub fn play(arguments: &[OsString]) -> ExitCode {
    match arguments.split_first() {
        Some((word, rest)) if word == sandbox_probe::WORD => return sandbox_probe::play(rest),
        Some((word, _)) if word == sandbox_probe::STARTED => return ExitCode::SUCCESS,
        _ => {}
    }
    let asked = |probe: &Probe| arguments.first().is_some_and(|word| word == probe.word());
    let done = match [Probe::Ptrace, Probe::UserNamespace]
        .into_iter()
        .find(asked)
    {
        Some(Probe::Ptrace) => traceme(),
        Some(Probe::UserNamespace) => enter_user_namespace().and_then(|()| mount_something()),
        None => return ExitCode::from(2),
    };
    ExitCode::from(u8::from(done.is_err()))
}
