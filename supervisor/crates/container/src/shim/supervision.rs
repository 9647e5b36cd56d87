//! The shim: a small process between the supervisor and an engine, one per engine command.
//!
//! Where the kernel lets it, it is the child subreaper of everything the command starts, so that processes which detach
//! themselves (`setsid`, double fork, an engine's own session) still end up below it, and invocations that run at once cannot
//! touch each other's. Elsewhere (on Lambda prctl(2) is denied) it finds them by what ties them to the run, see
//! [`crate::shim::process_tree`]. When the command ends, when it is told to stop, or when the supervisor dies, it leaves nothing
//! behind. It learns of that death from its standard input, which ends then.
//!
//! It sets the [`OverlayMount`]; what to run comes through its standard input, see [`crate::shim::launch_spec`].
//!
//! The same binary plays it, under another `argv[0]`; see [`crate::shim::role`].

mod first_process;
mod inbox;
mod listener;
mod orders;
mod signals;
mod watch;

use std::{
    ffi::OsString,
    io,
    os::{fd::AsFd, unix::process::CommandExt},
    process::{Child, Command, ExitCode},
};

use nix::{
    sys::{
        prctl,
        signal::{SigSet, SigmaskHow, Signal, sigprocmask},
    },
    unistd::{Pid, getppid},
};

pub use self::orders::{KILL, NOT_STARTED, STOP, STOPPED};
use self::{
    inbox::{Came, Inbox},
    signals::Signals,
    watch::{Orphans, Since, Watch},
};
use crate::shim::{
    launch_spec::LaunchSpec, overlay::OverlayMount, supervision::first_process::FirstProcessRole,
};

/// Plays the shim: `faas-shim PARENT_PID ROOT CHANGES`; see [`OverlayMount`]. Without a launch spec it only
/// finds out whether the overlay can be mounted.
pub fn play(arguments: &[OsString]) -> ExitCode {
    let [parent, root, changes] = arguments else {
        return ExitCode::from(NOT_STARTED);
    };
    let Some(parent) = parent.to_str().and_then(|pid| pid.parse().ok()) else {
        return ExitCode::from(NOT_STARTED);
    };
    match keep(parent, &OverlayMount::parse([root, changes])) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            complain(&format!("{error}\n"));
            ExitCode::from(NOT_STARTED)
        }
    }
}

fn complain(message: &str) {
    let _nobody_left_to_tell = nix::unistd::write(io::stderr().as_fd(), message.as_bytes());
}

fn keep(parent: i32, overlay: &OverlayMount) -> io::Result<u8> {
    let signals = Signals::take_over()?;
    // Before all that follows: namespaces of one's own take back what was asked of the kernel.
    overlay.set()?;
    let orphans = match prctl::set_child_subreaper(true) {
        Ok(()) => Orphans::ComeToUs,
        // On Lambda, whatever is asked of prctl(2).
        Err(_denied) => Orphans::GoElsewhere,
    };
    // The supervisor's death reaches us as an order to stop; where this is denied, by the end of our standard input alone.
    let _denied = prctl::set_pdeathsig(STOP);
    if getppid().as_raw() != parent {
        return Ok(STOPPED);
    }
    let mut inbox = Inbox::new(signals)?;
    match inbox.first()? {
        Came::LaunchSpec(spec) => run(&spec, overlay, &mut inbox, orphans),
        Came::End => Ok(0),
        Came::Signal => Ok(STOPPED),
    }
}

/// Starts what is to run, and sees that through.
fn run(
    spec: &LaunchSpec,
    overlay: &OverlayMount,
    inbox: &mut Inbox,
    orphans: Orphans,
) -> io::Result<u8> {
    let LaunchSpec {
        engine_spec,
        command_spec,
    } = spec;
    overlay.apply(&command_spec.run_links)?;
    let mut role = FirstProcessRole::of(engine_spec)?;
    let mut command = role.command(spec)?;
    let since = Since::now(orphans);
    let mask = inbox.signals().inherited();
    let child = match spawn(&mut command, mask, role.without_us()) {
        Ok(child) => child,
        Err(error) => return role.not_started(&command, &error),
    };
    // It holds the engine's end of what the shim listens to.
    drop(command);
    let main = Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?);
    let tree = orphans.tree(main, engine_spec, overlay, since);
    let watch = Watch::new(main, &engine_spec.variables, &mut role, orphans);
    let code = watch.watch_to_the_end(inbox, command_spec.grace, tree);
    inbox.report_gone();
    Ok(code)
}

#[allow(unsafe_code)]
fn spawn(child: &mut Command, mask: SigSet, without_us: Signal) -> io::Result<Child> {
    // SAFETY: `sigprocmask`, `setsid` and `prctl` are async-signal-safe and allocate nothing.
    unsafe {
        child.pre_exec(move || {
            sigprocmask(SigmaskHow::SIG_SETMASK, Some(&mask), None)?;
            // A terminal's Ctrl-C is for the supervisor, which stops us in order.
            nix::unistd::setsid()?;
            // Should the shim itself be killed, at least the engine goes with it, where that may be asked for. The supervisor
            // looks for the rest.
            let _denied = prctl::set_pdeathsig(without_us);
            Ok(())
        });
    }
    child.spawn()
}
