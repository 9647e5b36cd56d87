//! What the sandbox does with system calls: one table, with the reason for each group of rows.
//!
//! Calls without a row are allowed. Sources are public issue threads of tools that people run on Lambda; a reason names one
//! where one settles the matter. Rows are for the architecture that this is built for.

use nix::libc;

/// How sure it is that Lambda denies a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// Reported from Lambda.
    Seen,
    /// Nobody has written about it, or it is known to work and would be missed: it is denied to find out who needs it.
    Unknown,
    /// It works by every report. No profile denies it; one test does, to see that its name is in the message.
    Works,
}

/// What a denied call returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// `EPERM`: not allowed.
    Eperm,
    /// `ENOSYS`: no such call.
    Enosys,
    /// `EAFNOSUPPORT`: no such address family.
    Eafnosupport,
}

impl Answer {
    /// Every answer.
    pub const ALL: [Self; 3] = [Self::Enosys, Self::Eafnosupport, Self::Eperm];

    /// The value of `errno`.
    pub fn errno(self) -> i32 {
        match self {
            Self::Eperm => libc::EPERM,
            Self::Enosys => libc::ENOSYS,
            Self::Eafnosupport => libc::EAFNOSUPPORT,
        }
    }
}

/// Which uses of a call a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uses {
    /// All of them.
    All,
    /// Those with this argument.
    With(Argument),
}

/// An argument of a system call, compared in the bits of a mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argument {
    /// Its position, from 0.
    pub index: u8,
    /// The bits that count.
    pub mask: u64,
    /// What they must be.
    pub value: u64,
}

/// One row: a call, or a use of it.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// Its name in section 2 of the manual.
    pub name: &'static str,
    /// Its number on this architecture.
    pub number: i64,
    /// Which uses are denied.
    pub uses: Uses,
    /// What they return.
    pub answer: Answer,
    /// How sure that is.
    pub certainty: Certainty,
    /// Why it is here.
    pub reason: &'static str,
}

/// The whole table.
pub fn table() -> Vec<Call> {
    [
        seen(),
        conditional(),
        unknown(),
        unknown_on_this_machine(),
        works(),
        works_on_this_machine(),
    ]
    .concat()
}

/// Calls that no profile denies, for who wants to see what is left without one.
pub(crate) fn on_request() -> Vec<Call> {
    let reason = "works by all reports";
    let calls = [("fstatfs", libc::SYS_fstatfs), ("statfs", libc::SYS_statfs)];
    rows(Certainty::Unknown, Answer::Eperm, reason, &calls)
}

/// The rows of one group of calls that are denied whatever their arguments.
fn rows(
    certainty: Certainty,
    answer: Answer,
    reason: &'static str,
    calls: &[(&'static str, i64)],
) -> Vec<Call> {
    let row = |&(name, number): &(&'static str, i64)| Call {
        name,
        number,
        uses: Uses::All,
        answer,
        certainty,
        reason,
    };
    calls.iter().map(row).collect()
}

/// Calls that Lambda is known to deny.
fn seen() -> Vec<Call> {
    let eperm = |reason, calls: &[_]| rows(Certainty::Seen, Answer::Eperm, reason, calls);
    [
        eperm(
            "every option fails (tini 218 and 227, terraform-exec 172, ClickHouse 29378)",
            &[("prctl", libc::SYS_prctl)],
        ),
        eperm(
            "no process may trace another, or be traced",
            &[
                ("ptrace", libc::SYS_ptrace),
                ("kcmp", libc::SYS_kcmp),
                ("process_vm_readv", libc::SYS_process_vm_readv),
                ("process_vm_writev", libc::SYS_process_vm_writev),
            ],
        ),
        eperm(
            "no filter of one's own",
            &[("seccomp", libc::SYS_seccomp), ("bpf", libc::SYS_bpf)],
        ),
        eperm(
            "use ftruncate and write",
            &[("fallocate", libc::SYS_fallocate)],
        ),
        eperm(
            "no other root and no mounts (containers-roadmap 2102)",
            &[
                ("chroot", libc::SYS_chroot),
                ("pivot_root", libc::SYS_pivot_root),
                ("mount", libc::SYS_mount),
                ("umount2", libc::SYS_umount2),
                ("open_tree", libc::SYS_open_tree),
                ("move_mount", libc::SYS_move_mount),
                ("fsopen", libc::SYS_fsopen),
                ("fsconfig", libc::SYS_fsconfig),
                ("fsmount", libc::SYS_fsmount),
                ("fspick", libc::SYS_fspick),
                ("mount_setattr", libc::SYS_mount_setattr),
            ],
        ),
        eperm(
            "no namespaces of one's own",
            &[("unshare", libc::SYS_unshare), ("setns", libc::SYS_setns)],
        ),
        eperm(
            "kernel interfaces that sandboxes close first",
            &[
                ("perf_event_open", libc::SYS_perf_event_open),
                ("userfaultfd", libc::SYS_userfaultfd),
                ("keyctl", libc::SYS_keyctl),
                ("add_key", libc::SYS_add_key),
                ("request_key", libc::SYS_request_key),
                ("fanotify_init", libc::SYS_fanotify_init),
                ("io_uring_setup", libc::SYS_io_uring_setup),
                ("io_uring_enter", libc::SYS_io_uring_enter),
                ("io_uring_register", libc::SYS_io_uring_register),
            ],
        ),
        rows(
            Certainty::Seen,
            Answer::Enosys,
            "its flags are in memory, where a filter cannot look at them; C libraries fall back to clone",
            &[("clone3", libc::SYS_clone3)],
        ),
    ]
    .concat()
}

/// Uses of calls that Lambda is known to deny.
fn conditional() -> Vec<Call> {
    let call = |name, number, argument, answer, reason| Call {
        name,
        number,
        uses: Uses::With(argument),
        answer,
        certainty: Certainty::Seen,
        reason,
    };
    let namespaces = [
        libc::CLONE_NEWNS,
        libc::CLONE_NEWCGROUP,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNET,
    ];
    let clones = namespaces.map(|flag| {
        let bit = u64::from(flag.unsigned_abs());
        let argument = argument(0, bit, bit);
        let reason = "no namespaces of one's own";
        call("clone", libc::SYS_clone, argument, Answer::Eperm, reason)
    });
    let socket =
        |argument, answer, reason| call("socket", libc::SYS_socket, argument, answer, reason);
    let number = |value: i32| u64::from(value.unsigned_abs());
    // Flags such as SOCK_CLOEXEC are in the same argument as the type.
    let of_type = |kind| argument(1, 0xf, number(kind));
    let family = |family| argument(0, u64::from(u32::MAX), number(family));
    let raw = "raw packets need CAP_NET_RAW";
    let sockets = [
        socket(family(libc::AF_PACKET), Answer::Eperm, raw),
        socket(of_type(libc::SOCK_RAW), Answer::Eperm, raw),
        socket(
            family(libc::AF_INET6),
            Answer::Eafnosupport,
            "not everywhere",
        ),
    ];
    [clones.to_vec(), sockets.to_vec()].concat()
}

fn argument(index: u8, mask: u64, value: u64) -> Argument {
    Argument { index, mask, value }
}

/// Calls that processes are started and waited for with.
fn works() -> Vec<Call> {
    rows(
        Certainty::Works,
        Answer::Eperm,
        "processes are started and waited for with it",
        &[
            ("pipe2", libc::SYS_pipe2),
            ("ppoll", libc::SYS_ppoll),
            ("socketpair", libc::SYS_socketpair),
        ],
    )
}

/// Those that newer architectures do not have. Not poll: without it Rust's own start aborts a program before its first line.
#[cfg(target_arch = "x86_64")]
fn works_on_this_machine() -> Vec<Call> {
    rows(
        Certainty::Works,
        Answer::Eperm,
        "the older form of another row's call",
        &[("vfork", libc::SYS_vfork)],
    )
}

/// Those that newer architectures do not have.
#[cfg(not(target_arch = "x86_64"))]
fn works_on_this_machine() -> Vec<Call> {
    Vec::new()
}

/// Calls of which nobody knows, on every architecture.
fn unknown() -> Vec<Call> {
    let eperm = |reason, calls: &[_]| rows(Certainty::Unknown, Answer::Eperm, reason, calls);
    [
        eperm(
            "newer than many sandboxes",
            &[
                ("pidfd_open", libc::SYS_pidfd_open),
                ("pidfd_send_signal", libc::SYS_pidfd_send_signal),
                ("pidfd_getfd", libc::SYS_pidfd_getfd),
                ("close_range", libc::SYS_close_range),
                ("openat2", libc::SYS_openat2),
                ("memfd_create", libc::SYS_memfd_create),
                ("renameat2", libc::SYS_renameat2),
                ("membarrier", libc::SYS_membarrier),
            ],
        ),
        rows(
            Certainty::Unknown,
            Answer::Enosys,
            "newer than many sandboxes, whose authors make them answer like an older kernel",
            &[
                ("statx", libc::SYS_statx),
                ("faccessat2", libc::SYS_faccessat2),
                ("rseq", libc::SYS_rseq),
            ],
        ),
        eperm(
            "copies inside the kernel; read and write do the same",
            &[
                ("copy_file_range", libc::SYS_copy_file_range),
                ("splice", libc::SYS_splice),
                ("tee", libc::SYS_tee),
                ("vmsplice", libc::SYS_vmsplice),
                ("sendfile", libc::SYS_sendfile),
            ],
        ),
        eperm(
            "works by most reports; denied to see what is left without it",
            &[
                ("inotify_init1", libc::SYS_inotify_init1),
                ("inotify_add_watch", libc::SYS_inotify_add_watch),
                ("inotify_rm_watch", libc::SYS_inotify_rm_watch),
                ("signalfd4", libc::SYS_signalfd4),
                ("mknodat", libc::SYS_mknodat),
                ("linkat", libc::SYS_linkat),
            ],
        ),
        eperm(
            "changes how processes run",
            &[
                ("personality", libc::SYS_personality),
                ("sched_setaffinity", libc::SYS_sched_setaffinity),
                ("setpriority", libc::SYS_setpriority),
            ],
        ),
        eperm(
            "System V and POSIX message queues, semaphores and shared memory",
            &[
                ("shmget", libc::SYS_shmget),
                ("shmat", libc::SYS_shmat),
                ("shmctl", libc::SYS_shmctl),
                ("semget", libc::SYS_semget),
                ("semctl", libc::SYS_semctl),
                ("msgget", libc::SYS_msgget),
                ("msgctl", libc::SYS_msgctl),
                ("mq_open", libc::SYS_mq_open),
                ("mq_unlink", libc::SYS_mq_unlink),
                ("mq_notify", libc::SYS_mq_notify),
            ],
        ),
        eperm(
            "refused after a thaw in reports of 2017 to 2019: a wait that was interrupted ends with EPERM",
            &[("restart_syscall", libc::SYS_restart_syscall)],
        ),
    ]
    .concat()
}

/// Calls of which nobody knows that newer architectures do not have.
#[cfg(target_arch = "x86_64")]
fn unknown_on_this_machine() -> Vec<Call> {
    rows(
        Certainty::Unknown,
        Answer::Eperm,
        "the older form of another row's call",
        &[
            ("inotify_init", libc::SYS_inotify_init),
            ("signalfd", libc::SYS_signalfd),
            ("mknod", libc::SYS_mknod),
            ("link", libc::SYS_link),
            ("modify_ldt", libc::SYS_modify_ldt),
        ],
    )
}

/// Calls of which nobody knows that newer architectures do not have.
#[cfg(not(target_arch = "x86_64"))]
fn unknown_on_this_machine() -> Vec<Call> {
    Vec::new()
}
