//! The keeper: a small process between the supervisor and an engine, one per engine command.
//!
//! It is the child subreaper of everything the command starts, so that processes which detach
//! themselves (`setsid`, double fork, an engine's own session) still end up below it, and
//! invocations that run at once cannot touch each other's. When the command ends, when it is told
//! to stop, or when the supervisor dies, it leaves nothing behind.
//!
//! It may be there before it is known what runs, with the [`Stage`] set: the [`Order`] comes through its standard input.
//!
//! The same binary plays it, under another `argv[0]`; see [`super::role`].

mod part;
mod watch;

use std::{
    ffi::OsString,
    os::{fd::AsFd, unix::process::CommandExt},
    process::{Child, Command, ExitCode},
};

use nix::{
    sys::{
        prctl,
        signal::{
            SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction, sigprocmask,
        },
        signalfd::{SfdFlags, SignalFd},
    },
    unistd::{Pid, getppid},
};

use self::{part::Part, watch::Watch};
use super::{order::Order, stage::Stage};

/// Told to stop: SIGTERM to the tree, then the grace, then SIGKILL.
pub const STOP: Signal = Signal::SIGTERM;
/// Told that the container is over: what is left goes at once.
pub const KILL: Signal = Signal::SIGINT;
/// What the keeper exits with after it had to stop the command.
pub const STOPPED: u8 = 143;
/// What the keeper exits with when the command could not be started.
pub const NOT_STARTED: u8 = 126;
/// Plays the keeper: `faas-keeper PARENT_PID ROOT CHANGES`; see [`Stage`]. Without an order it has only found out whether the
/// stage can be set up.
pub fn play(arguments: &[OsString]) -> ExitCode {
    let [parent, root, changes] = arguments else {
        return ExitCode::from(NOT_STARTED);
    };
    let Some(parent) = parent.to_str().and_then(|pid| pid.parse().ok()) else {
        return ExitCode::from(NOT_STARTED);
    };
    match keep(parent, &Stage::parse([root, changes])) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            complain(&format!("{error}\n"));
            ExitCode::from(NOT_STARTED)
        }
    }
}

fn complain(message: &str) {
    let _nobody_left_to_tell = nix::unistd::write(std::io::stderr().as_fd(), message.as_bytes());
}

fn keep(parent: i32, stage: &Stage) -> std::io::Result<u8> {
    // First: namespaces of one's own take back what was asked of the kernel before.
    stage.set()?;
    prctl::set_child_subreaper(true)?;
    wait_for_children()?;
    // The supervisor's death reaches us as an order to stop.
    prctl::set_pdeathsig(STOP)?;
    if getppid().as_raw() != parent {
        return Ok(STOPPED);
    }
    let Some(order) = Order::read(&mut std::io::stdin().lock())? else {
        return Ok(0);
    };
    let signals = SigSet::from_iter([Signal::SIGCHLD, STOP, KILL, Signal::SIGHUP]);
    let mut inherited = SigSet::empty();
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&signals), Some(&mut inherited))?;
    let signals = SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC)?;
    stage.furnish(&order.scene)?;
    let mut part = Part::of(&order.line)?;
    let mut command = part.command(&order)?;
    let child = match spawn(&mut command, inherited) {
        Ok(child) => child,
        Err(error) => return part.not_started(&command, &error),
    };
    let main = i32::try_from(child.id()).map_err(std::io::Error::other)?;
    part.listen_to(child.stderr);
    let watch = Watch::new(Pid::from_raw(main), order, &mut part);
    let code = watch.see_through(&signals);
    part.gone();
    Ok(code)
}

/// A parent may have left SIGCHLD ignored, and then no child can be waited for (sigaction(2)).
#[allow(unsafe_code)]
fn wait_for_children() -> nix::Result<()> {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: no handler is installed.
    unsafe { sigaction(Signal::SIGCHLD, &default) }.map(drop)
}

#[allow(unsafe_code)]
fn spawn(child: &mut Command, mask: SigSet) -> std::io::Result<Child> {
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
    child.spawn()
}
