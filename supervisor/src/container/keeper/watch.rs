//! Watches a command from its start to the end of all it has started.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::process::ExitStatusExt,
    },
    path::Path,
    process::ExitStatus,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::Signal,
        signalfd::SignalFd,
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

use crate::container::{order::Variables, process_tree::Tree};

use super::{KILL, STOPPED, part::Part};

/// How long killing may take before the keeper gives up (processes stuck in the kernel).
const KILL_LIMIT: Duration = Duration::from_secs(5);

/// proot is given this long to end after the command.
const AFTER_THE_END: Duration = Duration::from_millis(100);

/// An engine that waited and has nothing to run is given this long to end.
const LET_GO: Duration = Duration::from_millis(500);

/// The command being watched.
pub(super) struct Watch<'a> {
    main: Pid,
    variables: &'a Variables,
    tree: Tree,
    ended: Option<u8>,
    kill_at: Option<Instant>,
    /// Children that a signal ended.
    killed: BTreeSet<Pid>,
    part: &'a mut Part,
}

impl<'a> Watch<'a> {
    /// `main` was started with these `variables`.
    pub(super) fn new(main: Pid, variables: &'a Variables, part: &'a mut Part) -> Self {
        Self {
            main,
            variables,
            tree: Tree::of(Pid::this(), main),
            ended: None,
            kill_at: None,
            killed: BTreeSet::new(),
            part,
        }
    }

    /// Lets it end without having run anything.
    pub(super) fn let_go(mut self, signals: &SignalFd) -> u8 {
        self.part.dismiss();
        self.kill_at = Some(Instant::now() + LET_GO);
        self.see_through(signals, Duration::ZERO)
    }

    /// Waits for the command's end or an order, then clears the tree and tells the exit code. `grace` is from SIGTERM to
    /// SIGKILL.
    pub(super) fn see_through(mut self, signals: &SignalFd, grace: Duration) -> u8 {
        loop {
            let came = next(signals, self.part.voice(), self.kill_at);
            if let Some(code) = self.part.hear() {
                // The command; what runs it ends by itself, or goes on for those that it left behind.
                self.ended.get_or_insert(code);
                self.kill_at.get_or_insert(Instant::now() + AFTER_THE_END);
            }
            match came {
                Came::Signal(Signal::SIGCHLD) => {}
                Came::Signal(KILL) => self.kill_at = Some(Instant::now()),
                Came::Signal(_stop) if self.kill_at.is_none() => {
                    self.tree.signal(Signal::SIGTERM);
                    self.kill_at = Some(Instant::now() + grace);
                }
                Came::Signal(_) | Came::Voice | Came::Nothing => {}
            }
            let children = self.reap();
            // Whatever was orphaned is a child of ours by now: no child, no descendant.
            if let (Some(code), Children::None) = (self.ended, children) {
                remove_proot_files(&self.killed, self.variables);
                return code;
            }
            let overdue = self.kill_at.is_some_and(|at| Instant::now() >= at);
            let stopping = self.kill_at.is_some();
            // Looked at while nothing comes: a look is a walk through all processes of the machine.
            let nothing_left = stopping && came == Came::Nothing && self.tree.is_gone();
            if overdue || nothing_left || (self.ended.is_some() && !stopping) {
                return self.clear();
            }
        }
    }

    /// Kills what is left.
    fn clear(mut self) -> u8 {
        let until = Instant::now() + KILL_LIMIT;
        let tree = self.tree;
        let killed = tree.kill(until, || {
            self.reap();
        });
        self.killed.extend(killed);
        remove_proot_files(&self.killed, self.variables);
        self.ended.unwrap_or(STOPPED)
    }

    /// Collects every child that has ended, and notes the exit code of the command itself.
    fn reap(&mut self) -> Children {
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) if pid == self.main => {
                    self.main_ended(code, (code & 0xff) << 8);
                }
                Ok(WaitStatus::Signaled(pid, signal, _)) => {
                    self.killed.insert(pid);
                    if pid == self.main {
                        self.main_ended(128 + signal as i32, signal as i32);
                    }
                }
                Err(Errno::ECHILD) => return Children::None,
                Ok(WaitStatus::StillAlive) => return Children::Some,
                Ok(_) | Err(Errno::EINTR) => {}
                Err(_) => return Children::Some,
            }
        }
    }

    /// `wait` is the status as wait(2) has it.
    fn main_ended(&mut self, code: i32, wait: i32) {
        self.part.hear();
        self.part.ended(ExitStatus::from_raw(wait));
        let code = u8::try_from(code & 0xff).unwrap_or(u8::MAX);
        self.ended.get_or_insert(code);
    }
}

/// A proot that is killed leaves its temporary files, named after its process: `proot-PID-XXXXXX`
/// and `prooted-PID-XXXXXX`. Before 5.4 they are in `/tmp` whatever the environment says.
fn remove_proot_files(killed: &BTreeSet<Pid>, variables: &Variables) {
    if killed.is_empty() {
        return;
    }
    let named = ["PROOT_TMP_DIR", "TMPDIR"]
        .iter()
        .filter_map(|name| variables.get(OsStr::new(name)))
        .map(Path::new);
    for directory in named.chain([Path::new("/tmp")]) {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let mut parts = name.to_str().unwrap_or_default().split('-');
            let of_proot = matches!(parts.next(), Some("proot" | "prooted"));
            let pid = parts
                .next()
                .and_then(|pid| pid.parse().ok())
                .map(Pid::from_raw);
            if of_proot && pid.is_some_and(|pid| killed.contains(&pid)) {
                let path = entry.path();
                let _other_users = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
            }
        }
    }
}

/// What made the keeper look up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    Signal(Signal),
    /// Something was said.
    Voice,
    /// It is time to kill, or to look again.
    Nothing,
}

fn next(signals: &SignalFd, voice: Option<BorrowedFd<'_>>, kill_at: Option<Instant>) -> Came {
    let timeout = kill_at.map_or(PollTimeout::NONE, |at| {
        // SIGCHLD of grandchildren that are not ours yet does not reach us: look now and then.
        let left = at.saturating_duration_since(Instant::now());
        PollTimeout::try_from(left.min(Duration::from_millis(20))).unwrap_or(PollTimeout::ZERO)
    });
    let signals_come = PollFd::new(signals.as_fd(), PollFlags::POLLIN);
    let mut fds = vec![signals_come];
    fds.extend(voice.map(|voice| PollFd::new(voice, PollFlags::POLLIN)));
    if !matches!(poll(&mut fds, timeout), Ok(1..)) {
        return Came::Nothing;
    }
    if !fds[0].any().unwrap_or(false) {
        return Came::Voice;
    }
    let info = signals.read_signal().ok().flatten();
    let number = info.and_then(|info| i32::try_from(info.ssi_signo).ok());
    let signal = number.and_then(|number| Signal::try_from(number).ok());
    signal.map_or(Came::Nothing, Came::Signal)
}

/// Whether there are children, ended or not, that have not been collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Children {
    Some,
    None,
}
