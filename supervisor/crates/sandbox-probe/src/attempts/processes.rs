//! Processes: sessions and groups, signals, what can be seen of others.

use std::path::Path;

use nix::{errno::Errno, unistd::getppid};

use super::{
    super::{
        call::syscall,
        facility::{Facility, KnownOfLambda},
    },
    support::{descriptor, done, errno},
};

use KnownOfLambda::{Unknown, Varies, Works};

const FIND: &str = "finding everything that a run started, so that nothing of it outlives the run";

pub(crate) const FACILITIES: &[Facility] = &[
    Facility::new("setsid", Works, |_| done(syscall!(SYS_setsid)))
        .needed_for("a session for each run, so that it can be stopped as a whole")
        .without("No container can be started: each run has a session of its own."),
    Facility::new("setpgid", Works, |_| done(syscall!(SYS_setpgid, 0, 0)))
        .without("Shells with job control and timeout(1) fail."),
    // Signal 0 only asks.
    Facility::new("kill, same user", Works, |_| {
        done(syscall!(SYS_kill, getppid().as_raw(), 0))
    })
    .needed_for("stopping runs")
    .without("A run that reaches its deadline cannot be stopped."),
    Facility::new("environment of another process", Works, |_| open_of_parent("environ"))
        .needed_for(FIND)
        .without("Processes of a run that made sessions of their own, and lost their parents, may not be found."),
    Facility::new("descriptors of another process", Works, |_| {
        let path = Path::new("/proc").join(getppid().to_string()).join("fd/0");
        path.read_link().map(drop).map_err(|error| errno(&error))
    })
    .needed_for(FIND),
    Facility::new("clone3", Varies, |_| {
        // A size that no version of its structure has: EINVAL.
        done(syscall!(SYS_clone3, 0, 0))
    })
    .let_through(&[Errno::EINVAL]),
    Facility::new("pidfd_open", Unknown, |_| done(pidfd()))
        .needed_for("nothing: where it works, waiting for processes is cheaper"),
    Facility::new("pidfd_send_signal", Unknown, |_| {
        let target = pidfd().unwrap_or(-1);
        done(syscall!(SYS_pidfd_send_signal, target, 0, 0, 0))
    })
    .let_through(&[Errno::EBADF]),
    // No descriptor has so high a number.
    Facility::new("close_range", Unknown, |_| {
        done(syscall!(SYS_close_range, 0xffff_ffff_isize, 0xffff_ffff_isize, 0))
    }),
    Facility::new("sched_setaffinity", Unknown, |_| set_affinity())
        .without("Programs that pin threads to processors cannot (OpenMP with OMP_PROC_BIND, taskset)."),
    Facility::new("setpriority", Unknown, |_| set_priority())
        .without("nice and renice fail."),
    // No structure at all: EINVAL.
    Facility::new("rseq", Unknown, |_| done(syscall!(SYS_rseq, 0, 0, 0, 0)))
        .let_through(&[Errno::EINVAL, Errno::EFAULT]),
];

fn open_of_parent(name: &str) -> Result<(), Errno> {
    let path = Path::new("/proc").join(getppid().to_string()).join(name);
    std::fs::File::open(path)
        .map(drop)
        .map_err(|error| errno(&error))
}

fn pidfd() -> Result<i32, Errno> {
    let own = nix::unistd::getpid().as_raw();
    descriptor(syscall!(SYS_pidfd_open, own, 0)?)
}

/// Sets what is set already.
fn set_affinity() -> Result<(), Errno> {
    let mut processors = [0_u8; 1024];
    let size = 1024;
    let used = descriptor(syscall!(SYS_sched_getaffinity, 0, size, &mut processors)?)?;
    done(syscall!(SYS_sched_setaffinity, 0, used, &mut processors))
}

/// Sets what is set already: the kernel answers 20 minus the value that it takes (getpriority(2), "C library/kernel differences").
fn set_priority() -> Result<(), Errno> {
    // A number of one type in one C library and of another in the next.
    const PRIO_PROCESS: i32 = 0;
    let nice = 20 - descriptor(syscall!(SYS_getpriority, PRIO_PROCESS, 0)?)?;
    done(syscall!(SYS_setpriority, PRIO_PROCESS, 0, nice))
}
