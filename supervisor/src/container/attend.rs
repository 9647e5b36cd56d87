//! Looks after a run: its output is pumped until it has ended, whoever ends it.

use std::{process::ExitStatus, time::Duration};

use tokio::io::AsyncReadExt;

use super::{
    Limits, Stop,
    handoff::{Handoff, READ_SIZE},
    log::{LogPump, Stream},
    udocker::Running,
};

/// udocker may take this long to end after the container did; what the container left running
/// keeps some engines waiting for ever.
const AFTER_THE_END: Duration = Duration::from_millis(400);

/// Why a run is over.
#[derive(Debug)]
pub enum Over {
    /// It ended, with udocker's own exit status where that was waited for.
    Ended(Option<ExitStatus>),
    /// It was stopped.
    Stopped(Stop),
}

/// A run being looked after.
#[derive(Debug)]
pub struct Attended<'a> {
    /// Takes the output.
    pub pump: LogPump<'a>,
    /// Brings it.
    pub handoff: Handoff,
    /// What the container's first process said of its end.
    pub status: Vec<u8>,
}

impl Attended<'_> {
    /// Until the container ends or must stop; nothing of it is left then.
    pub async fn attend(&mut self, running: &mut Running, limits: &Limits) -> Over {
        let stop = tokio::select! {
            status = running.ended() => return Over::Ended(status.ok()),
            () = self.pump_to_the_end() => None,
            stop = limits.reached() => Some(stop),
        };
        if let Some(stop) = stop {
            self.keep_pumping(running.stop()).await;
            return Over::Stopped(stop);
        }
        Over::Ended(self.keep_pumping(running.finish(AFTER_THE_END)).await)
    }

    /// Completes when the container's first process has told how the container ended.
    async fn pump_to_the_end(&mut self) {
        let (mut out, mut err) = (vec![0; READ_SIZE], vec![0; READ_SIZE]);
        let mut status = [0; 64];
        loop {
            // Output that nobody takes stays in the pipe, where it makes the container wait.
            self.pump.ready().await;
            tokio::select! {
                read = self.handoff.stdout.read(&mut out) =>
                    self.pump.push(Stream::Stdout, &out[..read.unwrap_or(0)]),
                read = self.handoff.stderr.read(&mut err) =>
                    self.pump.push(Stream::Stderr, &err[..read.unwrap_or(0)]),
                read = self.handoff.status.read(&mut status) => {
                    self.status.extend_from_slice(&status[..read.unwrap_or(0)]);
                    if self.status.ends_with(b"\n") {
                        return;
                    }
                }
            }
        }
    }

    /// Output goes on being read while the run is being ended, or it could not end.
    async fn keep_pumping<T>(&mut self, ending: impl Future<Output = T>) -> T {
        tokio::pin!(ending);
        loop {
            tokio::select! {
                ended = &mut ending => return ended,
                () = self.pump_to_the_end() => {}
            }
        }
    }
}
