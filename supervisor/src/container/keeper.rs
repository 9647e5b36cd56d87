//! The keeper: a small process between the supervisor and an engine, one per engine command.
//!
//! It is the child subreaper of everything the command starts, so that processes which detach
//! themselves (`setsid`, double fork, an engine's own session) still end up below it, and
//! invocations that run at once cannot touch each other's. When the command ends, when it is told
//! to stop, or when the supervisor dies, it leaves nothing behind.
//!
//! The same binary plays it, under another `argv[0]`; see [`super::role`].

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs,
    os::unix::process::{CommandExt, ExitStatusExt},
    path::Path,
    process::{Command, ExitCode, ExitStatus},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        prctl,
        signal::{
            SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction, sigprocmask,
        },
        signalfd::{SfdFlags, SignalFd},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::{Pid, getppid},
};
use std::os::fd::AsFd;

use super::{init::Between, process_tree::Tree, role::INIT_NAME, stage::Stage};

/// Told to stop: SIGTERM to the tree, then the grace, then SIGKILL.
pub const STOP: Signal = Signal::SIGTERM;
/// Told that the container is over: what is left goes at once.
pub const KILL: Signal = Signal::SIGINT;
/// What the keeper exits with after it had to stop the command.
pub const STOPPED: u8 = 143;
/// What the keeper exits with when the command could not be started.
pub const NOT_STARTED: u8 = 126;
/// How long killing may take before the keeper gives up (processes stuck in the kernel).
const KILL_LIMIT: Duration = Duration::from_secs(5);

/// Plays the keeper: `faas-keeper GRACE_MS PARENT_PID STAGE… [PROGRAM [ARGUMENT…]]`; see [`Stage`]. Without a program it
/// only finds out whether the stage can be set up.
pub fn play(arguments: &[OsString]) -> ExitCode {
    let Some(order) = Order::parse(arguments) else {
        return ExitCode::from(NOT_STARTED);
    };
    match keep(&order) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            complain(&format!("{error}\n"));
            ExitCode::from(NOT_STARTED)
        }
    }
}

/// What the keeper is told.
#[derive(Debug)]
struct Order<'a> {
    grace: Duration,
    parent: i32,
    stage: Stage,
    command: &'a [OsString],
}

impl<'a> Order<'a> {
    fn parse(arguments: &'a [OsString]) -> Option<Self> {
        let [grace, parent, rest @ ..] = arguments else {
            return None;
        };
        let (stage, command) = Stage::parse(rest)?;
        Some(Self {
            grace: Duration::from_millis(grace.to_str()?.parse().ok()?),
            parent: parent.to_str()?.parse().ok()?,
            stage,
            command,
        })
    }
}

fn complain(message: &str) {
    let _nobody_left_to_tell = nix::unistd::write(std::io::stderr().as_fd(), message.as_bytes());
}

fn keep(order: &Order<'_>) -> std::io::Result<u8> {
    // First: namespaces of one's own take back what was asked of the kernel before.
    order.stage.set()?;
    let [program, ..] = order.command else {
        return Ok(0);
    };
    prctl::set_child_subreaper(true)?;
    wait_for_children()?;
    // The supervisor's death reaches us as an order to stop.
    prctl::set_pdeathsig(STOP)?;
    let orders = SigSet::from_iter([Signal::SIGCHLD, STOP, KILL, Signal::SIGHUP]);
    let mut inherited = SigSet::empty();
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&orders), Some(&mut inherited))?;
    if getppid().as_raw() != order.parent {
        return Ok(STOPPED);
    }
    let signals = SignalFd::with_flags(&orders, SfdFlags::SFD_CLOEXEC)?;
    let mut between = between(order.command)?;
    let spawned = match &mut between {
        Some(between) => spawn(&mut between.command, inherited),
        None => spawn(&mut command_of(order.command), inherited),
    };
    let main = match (spawned, &mut between) {
        (Ok(main), _) => main,
        (Err(error), Some(between)) => return Ok(between.failed(&error)),
        (Err(error), None) => {
            let text = format!("cannot start {}: {error}", program.display());
            return Err(std::io::Error::new(error.kind(), text));
        }
    };
    let code = Watch::new(main, order.grace, between.as_mut()).to_the_end(&signals);
    if let Some(between) = &mut between {
        between.gone();
    }
    Ok(code)
}

/// A parent may have left SIGCHLD ignored, and then no child can be waited for (sigaction(2)).
#[allow(unsafe_code)]
fn wait_for_children() -> nix::Result<()> {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: no handler is installed.
    unsafe { sigaction(Signal::SIGCHLD, &default) }.map(drop)
}

/// The part of the first process, where the command asks for one on this side of the container: one process less.
fn between(command: &[OsString]) -> std::io::Result<Option<Between>> {
    match command {
        [program, handoff] if Path::new(program).ends_with(INIT_NAME) => {
            Between::new(Path::new(handoff)).map(Some)
        }
        _ => Ok(None),
    }
}

fn command_of(words: &[OsString]) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command
}

#[allow(unsafe_code)]
fn spawn(child: &mut Command, mask: SigSet) -> std::io::Result<Pid> {
    // SAFETY: `sigprocmask`, `setsid` and `prctl` are async-signal-safe and allocate nothing.
    unsafe {
        child.pre_exec(move || {
            sigprocmask(SigmaskHow::SIG_SETMASK, Some(&mask), None)?;
            // A terminal's Ctrl-C is for the supervisor, which stops us in order.
            nix::unistd::setsid()?;
            // Should the keeper itself be killed, at least udocker goes with it.
            prctl::set_pdeathsig(Signal::SIGKILL)?;
            Ok(())
        });
    }
    let child = child.spawn()?;
    i32::try_from(child.id())
        .map(Pid::from_raw)
        .map_err(std::io::Error::other)
}

/// The command being watched.
struct Watch<'a> {
    main: Pid,
    grace: Duration,
    tree: Tree,
    ended: Option<u8>,
    kill_at: Option<Instant>,
    between: Option<&'a mut Between>,
}

impl<'a> Watch<'a> {
    fn new(main: Pid, grace: Duration, between: Option<&'a mut Between>) -> Self {
        Self {
            main,
            grace,
            tree: Tree::of(Pid::this(), main),
            ended: None,
            kill_at: None,
            between,
        }
    }

    /// Waits for the command's end or an order, then clears the tree and tells the exit code.
    fn to_the_end(mut self, signals: &SignalFd) -> u8 {
        loop {
            match next_order(signals, self.kill_at) {
                Some(Signal::SIGCHLD) => {}
                Some(KILL) => self.kill_at = Some(Instant::now()),
                Some(_stop) if self.kill_at.is_none() => {
                    self.tree.signal(Signal::SIGTERM);
                    self.kill_at = Some(Instant::now() + self.grace);
                }
                Some(_) | None => {}
            }
            let children = self.reap();
            // Whatever was orphaned is a child of ours by now: no child, no descendant.
            if let (Some(code), Children::None) = (self.ended, children) {
                return code;
            }
            let overdue = self.kill_at.is_some_and(|at| Instant::now() >= at);
            let stopping = self.kill_at.is_some();
            let nothing_left = stopping && self.tree.is_gone();
            if overdue || nothing_left || (self.ended.is_some() && !stopping) {
                return self.clear();
            }
        }
    }

    /// Kills what is left.
    fn clear(mut self) -> u8 {
        let until = Instant::now() + KILL_LIMIT;
        let tree = self.tree.clone();
        let killed = tree.kill(until, || {
            self.reap();
        });
        remove_proot_files(&killed);
        self.ended.unwrap_or(STOPPED)
    }

    /// Collects every child that has ended, and notes the exit code of the command itself.
    fn reap(&mut self) -> Children {
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) if pid == self.main => {
                    self.main_ended(code, (code & 0xff) << 8);
                }
                Ok(WaitStatus::Signaled(pid, signal, _)) if pid == self.main => {
                    self.main_ended(128 + signal as i32, signal as i32);
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
        self.ended = Some(u8::try_from(code & 0xff).unwrap_or(u8::MAX));
        if let Some(between) = &mut self.between {
            between.ended(ExitStatus::from_raw(wait));
        }
    }
}

/// A proot that is killed leaves its temporary files, named after its process: `proot-PID-XXXXXX`
/// and `prooted-PID-XXXXXX`. Before 5.4 they are in `/tmp` whatever the environment says.
fn remove_proot_files(killed: &BTreeSet<Pid>) {
    if killed.is_empty() {
        return;
    }
    let named = ["PROOT_TMP_DIR", "TMPDIR"]
        .into_iter()
        .filter_map(std::env::var_os);
    for directory in named.chain(["/tmp".into()]) {
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

/// The next signal, or `None` when it is time to kill (or to look again).
fn next_order(signals: &SignalFd, kill_at: Option<Instant>) -> Option<Signal> {
    let timeout = kill_at.map_or(PollTimeout::NONE, |at| {
        // SIGCHLD of grandchildren that are not ours yet does not reach us: look now and then.
        let left = at.saturating_duration_since(Instant::now());
        PollTimeout::try_from(left.min(Duration::from_millis(20))).unwrap_or(PollTimeout::ZERO)
    });
    let mut fds = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
    match poll(&mut fds, timeout) {
        Ok(n) if n > 0 => {
            let info = signals.read_signal().ok().flatten()?;
            Signal::try_from(i32::try_from(info.ssi_signo).ok()?).ok()
        }
        _ => None,
    }
}

/// Whether there are children, ended or not, that have not been collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Children {
    Some,
    None,
}
