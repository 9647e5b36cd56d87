//! Waiting, and what there is to wait for.

use std::{
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use nix::{
    errno::Errno,
    poll::{PollTimeout, poll},
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{
    super::{
        call::syscall,
        facility::{Facility, KnownOfLambda},
        words::{NUDGE, WORD},
    },
    support::{descriptor, done, errno, milliseconds, text},
};

use KnownOfLambda::{Unknown, Varies, Works};

/// How long the attempts wait, in milliseconds.
const MOMENT: i64 = 1;
/// How long the attempt waits that is stopped in between, in milliseconds.
const STOPPED_MOMENT: i64 = 300;

pub(crate) const FACILITIES: &[Facility] = &[
    Facility::new("poll", Works, |_| {
        done(syscall!(SYS_ppoll, 0, 0, &mut milliseconds(MOMENT), 0, 8))
    })
    .needed_for("waiting for containers")
    .without("No container can be waited for."),
    Facility::new("select", Works, |_| {
        done(syscall!(SYS_pselect6, 0, 0, 0, 0, &mut milliseconds(MOMENT), 0))
    }),
    Facility::new("nanosleep", Works, |_| done(syscall!(SYS_nanosleep, &mut milliseconds(MOMENT), 0)))
        .needed_for("pauses between the looks at a run"),
    Facility::new("futex wait", Works, |_| futex()).let_through(&[Errno::ETIMEDOUT]),
    Facility::new("nanosleep across SIGSTOP and SIGCONT (restart_syscall)", Varies, |_| restarted())
        .without("Sleeps and waits of programs may fail with EPERM once after the environment was frozen."),
    Facility::new("epoll", Works, |_| done(syscall!(SYS_epoll_create1, 0)))
        .needed_for("everything: the supervisor's own waiting")
        .without("The supervisor itself does not work."),
    Facility::new("eventfd", Works, |_| done(syscall!(SYS_eventfd2, 0, 0)))
        .needed_for("everything: the supervisor's own waiting")
        .without("The supervisor itself does not work."),
    Facility::new("timerfd", Works, |_| done(syscall!(SYS_timerfd_create, 1, 0))),
    Facility::new("signalfd", Unknown, |_| done(syscall!(SYS_signalfd4, -1, &mut [0_u8; 8], 8, 0))),
    Facility::new("inotify", Works, inotify)
        .needed_for("the journal of what a run changes in its image, where no overlay can be mounted")
        .without("What a run changes in its image is not told by the kernel: after each run the whole image is looked at, or made anew."),
];

fn futex() -> Result<(), Errno> {
    const FUTEX_WAIT_PRIVATE: i32 = 128;
    done(syscall!(
        SYS_futex,
        &mut [0_u8; 4],
        FUTEX_WAIT_PRIVATE,
        0,
        &mut milliseconds(MOMENT)
    ))
}

fn inotify(directory: &Path) -> Result<(), Errno> {
    const IN_CREATE: i32 = 0x100;
    let queue = descriptor(syscall!(SYS_inotify_init1, 0)?)?;
    let path = text(directory)?;
    done(syscall!(
        SYS_inotify_add_watch,
        queue,
        path.as_c_str(),
        IN_CREATE
    ))
}

/// Sleeps while another process stops this one and lets it go on: the kernel then calls `restart_syscall` for it
/// (`restart_syscall(2)`), as after a thaw.
fn restarted() -> Result<(), Errno> {
    let name = std::env::args_os().next().unwrap_or_default();
    let own = std::process::id().to_string();
    let nudge = Command::new("/proc/self/exe")
        .arg0(name)
        .args([WORD, NUDGE, &own])
        .stdin(Stdio::null())
        .spawn();
    let mut nudge = nudge.map_err(|error| errno(&error))?;
    let slept = syscall!(SYS_nanosleep, &mut milliseconds(STOPPED_MOMENT), 0);
    // Whatever it answers, it is gone then.
    let _ended = nudge.wait();
    done(slept)
}

/// Stops the process and lets it go on.
pub(crate) fn nudge(process: &str) -> Result<(), Errno> {
    let process = Pid::from_raw(process.parse().map_err(|_| Errno::EINVAL)?);
    // Nothing is stopped that did not start this process.
    if process != nix::unistd::getppid() {
        return Err(Errno::ESRCH);
    }
    pause(Duration::from_millis(50));
    kill(process, Signal::SIGSTOP)?;
    pause(Duration::from_millis(50));
    kill(process, Signal::SIGCONT)
}

/// `std::thread::sleep` panics where its call is refused.
fn pause(time: Duration) {
    let time = PollTimeout::try_from(time).unwrap_or(PollTimeout::ZERO);
    let _interrupted = poll(&mut [], time);
}
