//! A process of the platform's kind: it runs as the function's user, before the runtime, and nobody but the platform ends it.

use std::os::fd::RawFd;

use nix::{libc, unistd::pause};

use crate::runtime;

/// Plays it; does not return.
#[allow(unsafe_code)]
pub(crate) fn main(ended: RawFd) -> ! {
    // SAFETY: the descriptor is this process's copy of the first one's, and not used here.
    unsafe { libc::close(ended) };
    let _as_it_is = runtime::become_the_user();
    // The function's output is not its own.
    let _has_none = runtime::replace_streams(&[0, 1, 2]);
    loop {
        pause();
    }
}
