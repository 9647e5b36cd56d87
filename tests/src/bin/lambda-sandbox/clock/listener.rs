//! The end at which calls arrive that a filter hands over.

use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

use nix::{errno::Errno, libc, unistd::Pid};

/// See `seccomp_unotify(2)`.
#[derive(Debug)]
pub(super) struct Listener(OwnedFd);

/// A call that waits for its answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    id: u64,
    /// The thread that makes it, by its number on this machine.
    pub(super) thread: Pid,
    pub(super) number: libc::c_long,
    pub(super) arguments: [u64; 6],
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reply {
    /// It returns this.
    Value(i64),
    /// It fails.
    Error(Errno),
    /// The kernel does it.
    GoOn,
}

impl Listener {
    /// Takes a descriptor that has just been received.
    #[allow(unsafe_code)]
    pub(super) fn of_received(descriptor: RawFd) -> Self {
        // SAFETY: what has been received is nobody else's.
        Self(unsafe { OwnedFd::from_raw_fd(descriptor) })
    }

    /// The next call; none if its thread was interrupted or has gone before it was received.
    #[allow(unsafe_code)]
    pub(super) fn next(&self) -> nix::Result<Option<Call>> {
        // SAFETY: the struct is numbers, and the kernel wants it zeroed.
        let mut received: libc::seccomp_notif = unsafe { std::mem::zeroed() };
        // SAFETY: the call fills the struct.
        let result = unsafe { self.ioctl(libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut received) };
        match result {
            Ok(()) => {}
            Err(Errno::EINTR | Errno::ENOENT) => return Ok(None),
            Err(error) => return Err(error),
        }
        Ok(Some(Call {
            id: received.id,
            thread: Pid::from_raw(received.pid.cast_signed()),
            number: received.data.nr.into(),
            arguments: received.data.args,
        }))
    }

    /// Whether the call's thread still waits: if not, its number may be another's.
    #[allow(unsafe_code)]
    pub(super) fn waits(&self, call: &Call) -> bool {
        let mut id = call.id;
        // SAFETY: the call reads a number.
        unsafe { self.ioctl(libc::SECCOMP_IOCTL_NOTIF_ID_VALID, &raw mut id) }.is_ok()
    }

    /// Answers; a thread that waits no longer needs none.
    #[allow(unsafe_code)]
    pub(super) fn answer(&self, call: &Call, reply: Reply) -> nix::Result<()> {
        let (val, error, flags) = match reply {
            Reply::Value(value) => (value, 0, 0),
            Reply::Error(error) => (0, -(error as i32), 0),
            Reply::GoOn => (0, 0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE),
        };
        let id = call.id;
        let flags = u32::try_from(flags).unwrap_or_default();
        let mut response = libc::seccomp_notif_resp {
            id,
            val,
            error,
            flags,
        };
        // SAFETY: the call reads the struct.
        match unsafe { self.ioctl(libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut response) } {
            Err(Errno::ENOENT) => Ok(()),
            sent => sent,
        }
    }

    #[allow(unsafe_code)]
    unsafe fn ioctl<T>(&self, request: libc::Ioctl, with: *mut T) -> nix::Result<()> {
        // SAFETY: the caller gives what the request takes.
        let result = unsafe { libc::ioctl(self.0.as_raw_fd(), request, with) };
        Errno::result(result).map(drop)
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
