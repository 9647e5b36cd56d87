//! The signals that end a command which has another process do its work, and clears up after that.

use std::{fs, io};

use nix::sys::signal::Signal;
use tokio::signal::unix::{self, SignalKind};

/// The signals that end a run, from when this is made.
#[derive(Debug)]
pub struct EndSignals {
    interrupt: unix::Signal,
    terminate: unix::Signal,
    /// None where it is ignored (`nohup`), and stays so.
    hang_up: Option<unix::Signal>,
}

impl EndSignals {
    /// To be made before anything that a signal must not leave behind.
    ///
    /// # Errors
    /// The operating system's.
    pub fn new() -> io::Result<Self> {
        let hang_up = (!hang_up_is_ignored()).then(|| unix::signal(SignalKind::hangup()));
        Ok(Self {
            interrupt: unix::signal(SignalKind::interrupt())?,
            terminate: unix::signal(SignalKind::terminate())?,
            hang_up: hang_up.transpose()?,
        })
    }

    /// Waits for one: what is to be passed on to whoever does the work. A terminal that is gone is an order to stop.
    pub async fn next(&mut self) -> Signal {
        let hang_up = async {
            match &mut self.hang_up {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => Signal::SIGINT,
            _ = self.terminate.recv() => Signal::SIGTERM,
            _ = hang_up => Signal::SIGTERM,
        }
    }
}

fn hang_up_is_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 != 0)
}
