//! A process of the platform's kind: it runs as the function's user, before the runtime, and nobody but the platform ends it.

use std::os::fd::RawFd;

use nix::{
    libc,
    sys::{
        prctl,
        signal::{SigSet, Signal},
    },
    unistd::{ForkResult, fork, pause},
};

use crate::runtime;

/// What has it start a child that waits as it does itself.
const START_A_CHILD: Signal = Signal::SIGUSR2;

/// Plays it; does not return.
#[allow(unsafe_code)]
pub(crate) fn main(ended: RawFd) -> ! {
    // SAFETY: the descriptor is this process's copy of the first one's, and not used here.
    unsafe { libc::close(ended) };
    let mut asked = SigSet::empty();
    asked.add(START_A_CHILD);
    let _blocked = asked.thread_block();
    let _as_it_is = runtime::become_the_user();
    // The function's processes see its entries below /proc, as they see those of any program of their user.
    let _as_it_is = prctl::set_dumpable(true);
    // The function's output is not its own.
    let _has_none = runtime::replace_streams(&[0, 1, 2]);
    loop {
        let _asked = asked.wait();
        // SAFETY: this process has one thread.
        if let Ok(ForkResult::Child) = unsafe { fork() } {
            wait_for_ever();
        }
    }
}

fn wait_for_ever() -> ! {
    loop {
        pause();
    }
}
