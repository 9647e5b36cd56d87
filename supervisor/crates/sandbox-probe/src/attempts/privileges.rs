//! What sandboxes are for: privileges, other processes' memory, namespaces, and the kernel's newer and rarer parts.
//!
//! Nothing here changes anything outside of the process that tries it, as root neither: where the call itself could, its
//! arguments are such that the kernel refuses them after it has looked at privileges. Each function says which error that is.

use std::path::Path;

use nix::{errno::Errno, libc};

use super::{
    super::{
        call::syscall,
        facility::{Facility, KnownOfLambda},
    },
    support::{done, text},
};

use KnownOfLambda::{Denied, Unknown};

const SUBREAPER: &str = "nothing: where it works, orphans of a run come to its own supervisor";
const DEATH_SIGNAL: &str =
    "nothing: where it works, a run ends a little sooner when the supervisor is killed";

pub(crate) const FACILITIES: &[Facility] = &[
    Facility::new("prctl PR_SET_CHILD_SUBREAPER", Denied, |_| prctl(libc::PR_SET_CHILD_SUBREAPER, 1))
        .needed_for(SUBREAPER)
        .without("Programs that must be child subreapers (tini -s, systemd, supervisord in some settings) fail."),
    Facility::new("prctl PR_SET_PDEATHSIG", Denied, |_| prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL))
        .needed_for(DEATH_SIGNAL)
        .without("Programs that start children with a parent-death signal and take its refusal for an error fail (Chromium drivers, Terraform)."),
    Facility::new("prctl PR_SET_NAME", Denied, |_| {
        done(syscall!(SYS_prctl, libc::PR_SET_NAME, c"faas-probe"))
    }),
    Facility::new("prctl PR_SET_NO_NEW_PRIVS", Denied, |_| prctl(libc::PR_SET_NO_NEW_PRIVS, 1)),
    Facility::new("ptrace PTRACE_TRACEME", Denied, |_| done(syscall!(SYS_ptrace, 0)))
        .needed_for("P modes: PRoot")
        .without("P modes (PRoot) do not work: use container.execmode F1 to F4, which need no ptrace. Debuggers and strace do not work either."),
    Facility::new("seccomp", Denied, |_| seccomp())
        .let_through(&[Errno::EFAULT])
        .without("Programs that put a filter on themselves fail, browsers among them: start those with --no-sandbox."),
    Facility::new("chroot", Denied, |_| done(syscall!(SYS_chroot, c"/")))
        .without("Programs that call chroot fail (debootstrap, some servers and package managers)."),
    Facility::new("pivot_root", Denied, pivot_root).let_through(&[Errno::EINVAL, Errno::EBUSY]),
    Facility::new("mount", Denied, mount)
        .let_through(&[Errno::EINVAL])
        .needed_for("R modes; the overlay that takes a run's changes"),
    Facility::new("umount2", Denied, umount).let_through(&[Errno::EINVAL]),
    Facility::new("unshare CLONE_NEWUSER", Denied, |_| unshare(libc::CLONE_NEWUSER))
        .needed_for("R modes, and the overlay, for users other than root"),
    Facility::new("unshare CLONE_NEWNS", Denied, |_| unshare(libc::CLONE_NEWNS))
        .needed_for("R modes, and the overlay, for root"),
    Facility::new("unshare CLONE_NEWUSER|CLONE_NEWNS", Denied, |_| {
        unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS)
    })
    .needed_for("the overlay, for users other than root"),
    Facility::new("setns", Denied, |_| done(syscall!(SYS_setns, -1, 0))).let_through(&[Errno::EBADF]),
    #[cfg(target_arch = "x86_64")]
    Facility::new("int 0x80", KnownOfLambda::Killed, |_| int_0x80())
        .without("32-bit programs do not work: use an image for this processor's 64 bits."),
    Facility::new("personality", Unknown, |_| {
        // 0xffff_ffff only asks.
        done(syscall!(SYS_personality, 0xffff_ffff_isize))
    })
    .without("Programs that turn address randomisation off fail (setarch -R, some debuggers and Lisp systems)."),
    #[cfg(target_arch = "x86_64")]
    Facility::new("modify_ldt", Unknown, |_| done(syscall!(SYS_modify_ldt, 0, &mut [0_u8; 16], 16)))
        .without("Wine and other programs with segments of their own fail."),
    Facility::new("kcmp", Unknown, |_| kcmp()),
    // No memory is named, so none is looked at.
    Facility::new("process_vm_readv", Unknown, |_| {
        done(syscall!(SYS_process_vm_readv, own_pid(), 0, 0, 0, 0, 0))
    })
    .without("MPI and other programs that read each other's memory fall back on slower ways, or fail."),
    Facility::new("process_vm_writev", Unknown, |_| {
        done(syscall!(SYS_process_vm_writev, own_pid(), 0, 0, 0, 0, 0))
    }),
    Facility::new("io_uring_setup", Unknown, |_| {
        done(syscall!(SYS_io_uring_setup, 1, &mut [0_u8; 120]))
    }),
    Facility::new("membarrier", Unknown, |_| done(syscall!(SYS_membarrier, 0, 0, 0))),
];

fn prctl(option: i32, value: i32) -> Result<(), Errno> {
    done(syscall!(SYS_prctl, option, value, 0, 0, 0))
}

fn unshare(flags: i32) -> Result<(), Errno> {
    done(syscall!(SYS_unshare, flags))
}

fn own_pid() -> i32 {
    nix::unistd::getpid().as_raw()
}

/// A filter at no address: EFAULT, whoever asks (seccomp(2)).
fn seccomp() -> Result<(), Errno> {
    const SECCOMP_SET_MODE_FILTER: i32 = 1;
    done(syscall!(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, 0))
}

/// Something is to be mounted again that is no mount: EINVAL, after the look at privileges.
fn mount(directory: &Path) -> Result<(), Errno> {
    const MS_REMOUNT_BIND: i32 = 32 | 4096;
    let target = text(directory)?;
    done(syscall!(
        SYS_mount,
        0,
        target.as_c_str(),
        0,
        MS_REMOUNT_BIND,
        0
    ))
}

/// What is no mount is not unmounted: EINVAL, after the look at privileges.
fn umount(directory: &Path) -> Result<(), Errno> {
    let target = text(directory)?;
    done(syscall!(SYS_umount2, target.as_c_str(), 0))
}

/// What is no mount does not become the root: EINVAL or EBUSY, after the look at privileges.
fn pivot_root(directory: &Path) -> Result<(), Errno> {
    let path = text(directory)?;
    done(syscall!(SYS_pivot_root, path.as_c_str(), path.as_c_str()))
}

/// Compares the process's memory with itself (`KCMP_VM`).
fn kcmp() -> Result<(), Errno> {
    const KCMP_VM: i32 = 1;
    done(syscall!(SYS_kcmp, own_pid(), own_pid(), KCMP_VM, 0, 0))
}

/// `getpid` as a 32-bit program calls it. A kernel without 32-bit programs raises SIGSEGV.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "no function calls the kernel that way")]
fn int_0x80() -> Result<(), Errno> {
    const GETPID: i64 = 20;
    let answer: i64;
    // SAFETY: the 32-bit getpid takes no argument, and touches no memory; the kernel clears r8 to r11 on its way.
    unsafe {
        std::arch::asm!(
            "int 0x80", inlateout("rax") GETPID => answer,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    match i32::try_from(answer) {
        Ok(pid) if pid == own_pid() => Ok(()),
        Ok(negative) if negative < 0 => Err(Errno::from_raw(negative.wrapping_neg())),
        _ => Err(Errno::ENOSYS),
    }
}
