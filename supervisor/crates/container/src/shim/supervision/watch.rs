//! Watches a command from its start to the end of all it has started.

use std::{
    collections::BTreeSet,
    os::unix::process::ExitStatusExt,
    process::ExitStatus,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags},
    sys::{
        signal::Signal,
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

use super::{
    inbox::Inbox,
    orders::{KILL, STOPPED},
    signals::Arrived,
};
use crate::shim::{
    launch_spec::{EngineSpec, Variables},
    overlay::OverlayMount,
    process_tree::{Lineage, Moment, Tree, numbers},
    proot_files::remove_files_of,
    supervision::first_process::FirstProcessRole,
};

/// How long killing may take before the shim gives up (processes stuck in the kernel).
const KILL_LIMIT: Duration = Duration::from_secs(5);

/// How long the shim looks for processes that it tells to end.
const SIGNAL_LIMIT: Duration = Duration::from_millis(250);

/// proot is given this long to end after the command.
const AFTER_THE_END: Duration = Duration::from_millis(100);

/// Where a process goes whose parent has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Orphans {
    /// The shim is a child subreaper.
    ComeToUs,
    /// To the machine's first process, or another subreaper.
    GoElsewhere,
}

impl Orphans {
    /// The processes of a run that begins with `main`.
    pub(super) fn tree(
        self,
        main: Pid,
        engine_spec: &EngineSpec,
        overlay: &OverlayMount,
        since: Since,
    ) -> Tree {
        match self {
            Self::ComeToUs => Tree::below(Pid::this(), main),
            Self::GoElsewhere => Tree::of(Lineage {
                supervisor: Pid::parent(),
                shim: Pid::this(),
                leader: Some(main),
                directory: engine_spec.run_directory().to_owned(),
                root: overlay.root_of_one_run().to_owned(),
                began: since.moment,
                before: since.before,
                neighbours: engine_spec.neighbours,
            }),
        }
    }
}

/// The time before the command was started.
#[derive(Debug, Clone)]
pub(super) struct Since {
    moment: Moment,
    before: Option<BTreeSet<Pid>>,
}

impl Since {
    /// Now. Who is there is looked at where it will matter.
    pub(super) fn now(orphans: Orphans) -> Self {
        let before = match orphans {
            Orphans::ComeToUs => None,
            Orphans::GoElsewhere => Some(numbers().collect()),
        };
        let moment = Moment::now();
        Self { moment, before }
    }
}

/// The command being watched.
pub(super) struct Watch<'a> {
    main: Pid,
    variables: &'a Variables,
    orphans: Orphans,
    ended: Option<u8>,
    kill_at: Option<Instant>,
    /// Children that a signal ended.
    killed: BTreeSet<Pid>,
    role: &'a mut FirstProcessRole,
}

impl<'a> Watch<'a> {
    /// `main` was started with these `variables`.
    pub(super) fn new(
        main: Pid,
        variables: &'a Variables,
        role: &'a mut FirstProcessRole,
        orphans: Orphans,
    ) -> Self {
        Self {
            main,
            variables,
            orphans,
            ended: None,
            kill_at: None,
            killed: BTreeSet::new(),
            role,
        }
    }

    /// Waits for the command's end or an order, then clears the tree and returns the exit code. `grace` is from SIGTERM to
    /// SIGKILL.
    pub(super) fn watch_to_the_end(mut self, inbox: &Inbox, grace: Duration, mut tree: Tree) -> u8 {
        let mut lifeline = Lifeline::Whole;
        loop {
            let came = self.next(inbox, lifeline);
            if let Some(code) = self.role.read_events() {
                // The command; what runs it ends by itself, or goes on for those that it left behind.
                self.ended.get_or_insert(code);
                self.kill_at.get_or_insert(Instant::now() + AFTER_THE_END);
            }
            if came.supervisor_is_gone {
                lifeline = Lifeline::Cut;
            }
            self.obey(came, grace, &mut tree);
            let children = self.reap();
            let overdue = self.kill_at.is_some_and(|at| Instant::now() >= at);
            let stopping = self.kill_at.is_some();
            let nothing_left = match (self.ended, children) {
                // Whatever was orphaned is a child of ours by now, where orphans come to us: no child, no descendant.
                (Some(code), Children::None)
                    if self.orphans == Orphans::ComeToUs || tree.is_gone() =>
                {
                    remove_files_of(&self.killed, self.variables);
                    return code;
                }
                (Some(_), Children::None) => false,
                // Looked at while nothing comes: a look is a walk through all processes of the machine.
                _ => stopping && came.is_nothing() && tree.is_gone(),
            };
            if overdue || nothing_left || (self.ended.is_some() && !stopping) {
                return self.clear(tree);
            }
        }
    }

    /// Does what a signal, or the supervisor's death, orders.
    fn obey(&mut self, came: Came, grace: Duration, tree: &mut Tree) {
        if came.signals.has(KILL) {
            self.kill_at = Some(Instant::now());
        } else if (came.signals.is_order() || came.supervisor_is_gone) && self.kill_at.is_none() {
            let now = Instant::now();
            self.kill_at = Some(now + grace);
            tree.signal(Signal::SIGTERM, now + grace.min(SIGNAL_LIMIT));
        }
    }

    /// Waits for something to happen, or for the moment to kill, or to look again.
    fn next(&self, inbox: &Inbox, lifeline: Lifeline) -> Came {
        let timeout = self.kill_at.map(|at| {
            // SIGCHLD of grandchildren that are not ours yet does not reach us: look now and then.
            let left = at.saturating_duration_since(Instant::now());
            left.min(Duration::from_millis(20))
        });
        let readable = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let proot_stderr = self.role.proot_stderr();
        let mut files = Vec::with_capacity(2);
        files.extend(proot_stderr.map(readable));
        if lifeline == Lifeline::Whole {
            // Nothing is sent any more: all that can come is the end.
            files.push(readable(inbox.lifeline()));
        }
        let signals = inbox.signals().wait(&mut files, timeout);
        let ready = |at: usize| {
            files
                .get(at)
                .is_some_and(|file| file.any().unwrap_or(false))
        };
        let lifeline_at = usize::from(proot_stderr.is_some());
        Came {
            signals,
            proot_stderr: proot_stderr.is_some() && ready(0),
            supervisor_is_gone: lifeline == Lifeline::Whole && ready(lifeline_at),
        }
    }

    /// Kills what is left.
    fn clear(mut self, mut tree: Tree) -> u8 {
        let until = Instant::now() + KILL_LIMIT;
        let killed = tree.kill(until, || {
            self.reap();
        });
        self.killed.extend(killed);
        remove_files_of(&self.killed, self.variables);
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
        self.role.read_events();
        self.role.ended(ExitStatus::from_raw(wait));
        let code = u8::try_from(code & 0xff).unwrap_or(u8::MAX);
        self.ended.get_or_insert(code);
    }
}

/// Whether the supervisor is there, as far as the shim's standard input tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lifeline {
    Whole,
    Cut,
}

/// What made the shim look up.
#[derive(Debug, Clone, Copy)]
struct Came {
    signals: Arrived,
    /// Something was said.
    proot_stderr: bool,
    supervisor_is_gone: bool,
}

impl Came {
    /// It is time to kill, or to look again.
    fn is_nothing(self) -> bool {
        self.signals.is_nothing() && !self.proot_stderr && !self.supervisor_is_gone
    }
}

/// Whether there are children, ended or not, that have not been collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Children {
    Some,
    None,
}
