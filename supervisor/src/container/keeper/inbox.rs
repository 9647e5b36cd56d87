//! What comes to a keeper that does not run anything yet.

use std::{fs::File, io, os::fd::AsFd};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::signalfd::SignalFd,
};

use crate::container::order::read_part;

/// Its standard input and its signals.
#[derive(Debug)]
pub(super) struct Inbox<'a> {
    // Not buffered: what is there must be seen by poll(2).
    input: File,
    signals: &'a SignalFd,
}

/// One thing at a time.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// A part of an order.
    Part(Vec<u8>),
    /// No more: the supervisor has no use for this keeper.
    End,
    /// An order to stop, or the end of what was started in advance.
    Signal,
}

impl<'a> Inbox<'a> {
    /// # Errors
    /// The operating system's.
    pub(super) fn new(signals: &'a SignalFd) -> io::Result<Self> {
        let input = io::stdin().as_fd().try_clone_to_owned()?.into();
        Ok(Self { input, signals })
    }

    /// For whoever waits on.
    pub(super) fn signals(&self) -> &'a SignalFd {
        self.signals
    }

    /// Waits for it.
    ///
    /// # Errors
    /// The operating system's, and those of [`read_part`].
    pub(super) fn next(&mut self) -> io::Result<Came> {
        loop {
            let mut fds = [
                PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.input.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut fds, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
            let [signal, input] = fds.map(|fd| fd.any().unwrap_or(false));
            if signal {
                return Ok(Came::Signal);
            }
            if input {
                return Ok(read_part(&mut self.input)?.map_or(Came::End, Came::Part));
            }
        }
    }
}
