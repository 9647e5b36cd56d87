//! What comes to a shim from the supervisor: through its standard input, which is open for as long as the supervisor lives.
//!
//! It is a socket: unlike a pipe, nobody else can open it by its path in `/proc`.

use std::{
    fs::File,
    io::{self, Write as _},
    os::fd::{AsFd, BorrowedFd},
};

use nix::poll::{PollFd, PollFlags};

use crate::shim::{launch_spec::LaunchSpec, report::ShimReport};

use super::signals::Signals;

/// Its standard input and its signals.
#[derive(Debug)]
pub(super) struct Inbox {
    // Not buffered: what is there must be seen by poll(2).
    input: File,
    signals: Signals,
}

/// What comes first.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// What to run.
    LaunchSpec(LaunchSpec),
    /// Nothing: the supervisor only wants to know whether the overlay can be mounted, or is gone.
    End,
    /// A signal to stop.
    Signal,
}

impl Inbox {
    /// # Errors
    /// The operating system's.
    pub(super) fn new(signals: Signals) -> io::Result<Self> {
        let input = io::stdin().as_fd().try_clone_to_owned()?.into();
        Ok(Self { input, signals })
    }

    pub(super) fn signals(&self) -> &Signals {
        &self.signals
    }

    /// The supervisor's end of this closes when the supervisor is gone, or has no more use for the run.
    pub(super) fn lifeline(&self) -> BorrowedFd<'_> {
        self.input.as_fd()
    }

    /// Reports to the supervisor that nothing of the run is left.
    pub(super) fn report_gone(&mut self) {
        let line = ShimReport::Gone.line();
        let _nobody_there = self.input.write_all(line.as_bytes());
    }

    /// Waits for it.
    ///
    /// # Errors
    /// Those of [`LaunchSpec::read`].
    pub(super) fn first(&mut self) -> io::Result<Came> {
        loop {
            let mut files = [PollFd::new(self.input.as_fd(), PollFlags::POLLIN)];
            let arrived = self.signals.wait(&mut files, None);
            if !arrived.is_nothing() {
                return Ok(Came::Signal);
            }
            if files[0].any().unwrap_or(false) {
                return Ok(LaunchSpec::read(&mut self.input)?.map_or(Came::End, Came::LaunchSpec));
            }
        }
    }
}
