//! The shim's signals, and waiting for them together with files.
//!
//! They are blocked but for the time of ppoll(2): a handler notes the signal and interrupts the wait. That needs nothing
//! which sandboxes deny, as they may signalfd(2).

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use nix::{
    errno::Errno,
    poll::{PollFd, poll, ppoll},
    sys::{
        signal::{
            SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction, sigprocmask,
        },
        time::TimeSpec,
    },
};

use super::orders::{KILL, STOP};

/// What the shim listens to.
const SIGNALS: [Signal; 4] = [Signal::SIGCHLD, STOP, KILL, Signal::SIGHUP];

/// How long one call of poll(2) waits, in milliseconds.
const MOMENT: u16 = 10;

/// Signals that have come and were not taken, one bit each.
static PENDING: AtomicU32 = AtomicU32::new(0);

extern "C" fn note(signal: i32) {
    PENDING.fetch_or(1 << signal, Ordering::Relaxed);
}

/// The signals of this process.
#[derive(Debug)]
pub(super) struct Signals {
    /// The mask that the shim was started with, and that its children get.
    inherited: SigSet,
}

/// Some signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrived(u32);

impl Arrived {
    pub(super) fn is_nothing(self) -> bool {
        self.0 == 0
    }

    pub(super) fn has(self, signal: Signal) -> bool {
        self.0 & (1 << signal as i32) != 0
    }

    /// Whether one of them is an order to stop, at leisure or at once.
    pub(super) fn is_order(self) -> bool {
        [STOP, KILL, Signal::SIGHUP]
            .into_iter()
            .any(|s| self.has(s))
    }
}

impl Signals {
    /// Takes them over.
    ///
    /// # Errors
    /// The operating system's.
    #[allow(unsafe_code)]
    pub(super) fn take_over() -> nix::Result<Self> {
        let mut inherited = SigSet::empty();
        let blocked = SigSet::from_iter(SIGNALS);
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&blocked), Some(&mut inherited))?;
        // A child that stops has not ended.
        let action = SigAction::new(
            SigHandler::Handler(note),
            SaFlags::SA_NOCLDSTOP,
            SigSet::empty(),
        );
        for signal in SIGNALS {
            // SAFETY: the handler sets a bit of an atomic, which is async-signal-safe.
            unsafe { sigaction(signal, &action) }?;
        }
        Ok(Self { inherited })
    }

    /// The mask that children get.
    pub(super) fn inherited(&self) -> SigSet {
        self.inherited
    }

    /// Waits until a signal comes, one of the files is ready, or the time is over; `None` waits for ever. What is ready, the
    /// files tell. Every failure counts as an interruption: after a thaw a wait on Lambda may end with `EPERM`.
    pub(super) fn wait(&self, files: &mut [PollFd<'_>], timeout: Option<Duration>) -> Arrived {
        let mut mask = self.inherited;
        for signal in SIGNALS {
            mask.remove(signal);
        }
        let timeout = timeout.map(TimeSpec::from_duration);
        let waited = ppoll(files, timeout, Some(mask));
        if let Err(denied @ (Errno::EPERM | Errno::ENOSYS)) = waited {
            return wait_by_poll(files, mask, denied);
        }
        if waited.is_ok_and(|ready| ready > 0) {
            // It returns without a look at signals when a file is ready: one that always is must not hide them.
            let _interrupted = ppoll(
                &mut [],
                Some(TimeSpec::from_duration(Duration::ZERO)),
                Some(mask),
            );
        }
        Arrived(PENDING.swap(0, Ordering::Relaxed))
    }
}

/// [`Signals::wait`] by poll(2), a moment at a time: a signal that comes between two calls is seen after the next. Where that is denied,
/// too, nothing can be looked after: it counts as an order to stop.
fn wait_by_poll(files: &mut [PollFd<'_>], mask: SigSet, denied: Errno) -> Arrived {
    let _unblocked = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&mask), None);
    let waited = poll(files, MOMENT);
    let blocked = SigSet::from_iter(SIGNALS);
    let _blocked = sigprocmask(SigmaskHow::SIG_BLOCK, Some(&blocked), None);
    let mut arrived = PENDING.swap(0, Ordering::Relaxed);
    if let Err(Errno::EPERM | Errno::ENOSYS) = waited {
        let text = format!("cannot wait for the command: ppoll and poll are refused: {denied}\n");
        let _nobody_there = nix::unistd::write(std::io::stderr(), text.as_bytes());
        arrived |= 1 << STOP as i32;
    }
    Arrived(arrived)
}
