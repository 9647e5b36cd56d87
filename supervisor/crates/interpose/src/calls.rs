//! The table of system calls: what the engine does with each. A call that is not in it goes to the kernel as it is.

use crate::{errno::Errno, numbers as nr};

/// One more than the highest call number that is looked at.
pub const NUMBERS: usize = 1024;

/// What is done with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Goes to the kernel as it is, from the guest's stack.
    Pass,
    /// Goes to the kernel with one path, or two, replaced.
    Paths(PathArgument, Option<PathArgument>),
    /// Goes to the kernel with a copy of a signal mask that never blocks SIGTRAP.
    Mask(MaskArgument),
    /// Fails with this error.
    Refuse(Errno),
    /// Has code of its own.
    Own(Own),
}

/// A path among the arguments of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathArgument {
    /// Which argument is the directory's descriptor; none for calls that know only the working directory.
    pub directory: Option<usize>,
    /// Which argument is the path.
    pub path: usize,
    /// What a link at its end means.
    pub last: LinkRule,
}

/// What a symbolic link at the end of a path means to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkRule {
    /// It is followed.
    Follow,
    /// It is the object itself.
    Keep,
    /// The name is created, removed or renamed: a link is not even followed where a slash comes after it.
    Entry,
    /// It is followed, unless this argument has one of these bits.
    FollowUnless(usize, u64),
    /// It is followed only if this argument has this bit.
    FollowIf(usize, u64),
    /// As the flags of open(2) in this argument say.
    OpenFlags(usize),
    /// As the structure that this argument of openat2(2) points to says.
    OpenHow(usize),
}

/// A signal mask among the arguments of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaskArgument {
    /// This argument points to it.
    At(usize),
    /// This argument points to a pointer to it: pselect6.
    Behind(usize),
}

/// Calls with code of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // named as in numbers.rs
pub enum Own {
    Mmap,
    Mprotect,
    SigAction,
    SigMask,
    Clone,
    Clone3,
    Vfork,
    Exit,
    GetCwd,
    ReadLink(PathArgument),
    Exec,
    ExecAt,
}

/// `AT_SYMLINK_NOFOLLOW`
const NOFOLLOW: u64 = 0x100;
/// `AT_SYMLINK_FOLLOW`
const FOLLOW: u64 = 0x400;
/// `IN_DONT_FOLLOW`
const DONT_FOLLOW: u64 = 0x0200_0000;

const fn here(path: usize, last: LinkRule) -> Action {
    Action::Paths(by_cwd(path, last), None)
}

const fn at(directory: usize, last: LinkRule) -> Action {
    Action::Paths(by_directory(directory, last), None)
}

const fn by_cwd(path: usize, last: LinkRule) -> PathArgument {
    PathArgument {
        directory: None,
        path,
        last,
    }
}

/// The path comes right after the directory.
const fn by_directory(directory: usize, last: LinkRule) -> PathArgument {
    PathArgument {
        directory: Some(directory),
        path: directory + 1,
        last,
    }
}

/// What is done with the call of this number.
#[allow(clippy::match_same_arms, reason = "a table, grouped by kind of call")]
pub const fn action(number: usize) -> Action {
    use LinkRule::{Entry, Follow, FollowIf, FollowUnless, Keep, OpenFlags, OpenHow};
    match number {
        nr::OPEN => here(0, OpenFlags(1)),
        nr::OPENAT => at(0, OpenFlags(2)),
        nr::OPENAT2 => at(0, OpenHow(2)),
        nr::CREAT | nr::STAT | nr::ACCESS | nr::CHDIR | nr::TRUNCATE | nr::CHMOD | nr::CHOWN => {
            here(0, Follow)
        }
        nr::UTIME | nr::UTIMES | nr::STATFS => here(0, Follow),
        nr::SETXATTR | nr::GETXATTR | nr::LISTXATTR | nr::REMOVEXATTR => here(0, Follow),
        nr::LSETXATTR | nr::LGETXATTR | nr::LLISTXATTR | nr::LREMOVEXATTR => here(0, Keep),
        nr::LSTAT | nr::LCHOWN => here(0, Keep),
        nr::MKDIR | nr::RMDIR | nr::UNLINK | nr::MKNOD => here(0, Entry),
        nr::MKDIRAT | nr::MKNODAT | nr::UNLINKAT => at(0, Entry),
        nr::SYMLINK => here(1, Entry),
        nr::SYMLINKAT => at(1, Entry),
        nr::RENAME => Action::Paths(by_cwd(0, Entry), Some(by_cwd(1, Entry))),
        nr::LINK => Action::Paths(by_cwd(0, Keep), Some(by_cwd(1, Entry))),
        nr::RENAMEAT | nr::RENAMEAT2 => {
            Action::Paths(by_directory(0, Entry), Some(by_directory(2, Entry)))
        }
        nr::LINKAT => Action::Paths(
            by_directory(0, FollowIf(4, FOLLOW)),
            Some(by_directory(2, Entry)),
        ),
        nr::NEWFSTATAT | nr::UTIMENSAT | nr::FACCESSAT2 | nr::FCHMODAT2 => {
            at(0, FollowUnless(3, NOFOLLOW))
        }
        nr::STATX => at(0, FollowUnless(2, NOFOLLOW)),
        nr::FCHOWNAT => at(0, FollowUnless(4, NOFOLLOW)),
        nr::FACCESSAT | nr::FCHMODAT | nr::FUTIMESAT => at(0, Follow),
        nr::NAME_TO_HANDLE_AT => at(0, FollowIf(4, FOLLOW)),
        nr::INOTIFY_ADD_WATCH => here(1, FollowUnless(2, DONT_FOLLOW)),
        nr::PPOLL => Action::Mask(MaskArgument::At(3)),
        nr::EPOLL_PWAIT | nr::EPOLL_PWAIT2 => Action::Mask(MaskArgument::At(4)),
        nr::RT_SIGSUSPEND | nr::RT_SIGTIMEDWAIT => Action::Mask(MaskArgument::At(0)),
        nr::SIGNALFD | nr::SIGNALFD4 => Action::Mask(MaskArgument::At(1)),
        nr::PSELECT6 => Action::Mask(MaskArgument::Behind(5)),
        nr::PTRACE
        | nr::CHROOT
        | nr::MOUNT
        | nr::UMOUNT2
        | nr::PIVOT_ROOT
        | nr::OPEN_BY_HANDLE_AT => Action::Refuse(Errno::EPERM),
        nr::SECCOMP => Action::Refuse(Errno::EINVAL),
        // It would do file system calls past the engine.
        nr::IO_URING_SETUP => Action::Refuse(Errno::ENOSYS),
        _ => own(number),
    }
}

const fn own(number: usize) -> Action {
    Action::Own(match number {
        nr::MMAP => Own::Mmap,
        nr::MPROTECT | nr::PKEY_MPROTECT => Own::Mprotect,
        nr::RT_SIGACTION => Own::SigAction,
        nr::RT_SIGPROCMASK => Own::SigMask,
        nr::CLONE => Own::Clone,
        nr::CLONE3 => Own::Clone3,
        nr::VFORK => Own::Vfork,
        nr::EXIT => Own::Exit,
        nr::GETCWD => Own::GetCwd,
        nr::READLINK => Own::ReadLink(by_cwd(0, LinkRule::Keep)),
        nr::READLINKAT => Own::ReadLink(by_directory(0, LinkRule::Keep)),
        nr::EXECVE => Own::Exec,
        nr::EXECVEAT => Own::ExecAt,
        _ => return Action::Pass,
    })
}

/// A bit for each call number that does not simply pass.
pub const WANTED: [u64; NUMBERS / 64] = {
    let mut bits = [0; NUMBERS / 64];
    let mut number = 0;
    while number < NUMBERS {
        if !matches!(action(number), Action::Pass) {
            bits[number / 64] |= 1 << (number % 64);
        }
        number += 1;
    }
    bits
};
