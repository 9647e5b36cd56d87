//! Looks after a run: its output is pumped until it has ended, whoever ends it.

use std::{process::ExitStatus, time::Duration};

use tokio::time::Instant;

use super::{
    log::{LogFile, LogPump, LogSink, Stream},
    outcome::{RunEnd, RunReport},
};
use crate::{
    error::ContainerError,
    exec::{
        process::Running,
        request::RunRequest,
        run_pipes::{READ_SIZE, RunPipes, parse_status},
    },
};
use environment::{Limits, Stop};

/// udocker may take this long to end after the container did; what the container left running
/// keeps some engines waiting for ever.
const AFTER_THE_END: Duration = Duration::from_millis(400);

/// A run that is over.
#[derive(Debug)]
pub struct WaitResult {
    /// How it ended; none when its first process did not begin.
    end: Option<RunEnd>,
    log: LogFile,
    /// The exit status of what started it, where that was waited for.
    status: Option<ExitStatus>,
    /// What that said itself.
    messages: String,
    /// Removed with this, and not earlier: what is undone after a run is told from what the run did in its directories.
    _pipes: RunPipes,
}

impl WaitResult {
    /// What there is to tell of a run that was `started` then.
    ///
    /// # Errors
    /// What `never_started` makes of the end and the messages of the attempt, when the first process did not begin.
    pub fn report(
        self,
        started: Instant,
        never_started: impl FnOnce(String, String) -> ContainerError,
    ) -> Result<RunReport, ContainerError> {
        let Some(end) = self.end else {
            let status = self
                .status
                .map_or_else(|| "killed".to_owned(), |s| s.to_string());
            return Err(never_started(status, self.messages));
        };
        Ok(RunReport {
            end,
            log: self.log,
            elapsed: started.elapsed(),
        })
    }
}

/// Looks after a run to its end, to the deadline or until it is cancelled; nothing of it is left then.
pub async fn wait_for_exit(
    mut running: Running,
    pipes: RunPipes,
    request: &RunRequest<'_>,
    sink: &mut dyn LogSink,
) -> WaitResult {
    let log = LogFile::new(request.record.log(), request.keep);
    let mut waiter = Waiter {
        pump: LogPump::new(sink, log),
        pipes,
        status: Vec::new(),
    };
    let over = waiter.wait(&mut running, &request.limits).await;
    let Waiter {
        mut pump,
        mut pipes,
        mut status,
    } = waiter;
    pipes.drain(&mut pump, &mut status);
    let end = match over {
        Over::Stopped(Stop::Deadline) => Some(RunEnd::TimedOut),
        Over::Stopped(Stop::Cancelled(signal)) => Some(RunEnd::Cancelled(signal)),
        // It began and did not come to be said how it ended: who should have said it was killed itself.
        Over::Ended(_) => parse_status(&status).or_else(|| {
            pipes
                .has_started()
                .then_some(RunEnd::Killed(nix::libc::SIGKILL))
        }),
    };
    WaitResult {
        end,
        log: pump.finish(),
        status: match over {
            Over::Ended(status) => status,
            Over::Stopped(_) => None,
        },
        messages: running.messages.text(),
        _pipes: pipes,
    }
}

/// Why a run is over.
#[derive(Debug)]
enum Over {
    /// It ended, with udocker's own exit status where that was waited for.
    Ended(Option<ExitStatus>),
    /// It was stopped.
    Stopped(Stop),
}

/// A run being looked after.
#[derive(Debug)]
struct Waiter<'a> {
    /// Takes the output.
    pump: LogPump<'a>,
    /// Brings it.
    pipes: RunPipes,
    /// What the container's first process said of its end.
    status: Vec<u8>,
}

impl Waiter<'_> {
    /// Until the container ends or must stop; nothing of it is left then.
    async fn wait(&mut self, running: &mut Running, limits: &Limits) -> Over {
        let stop = tokio::select! {
            status = running.ended() => return Over::Ended(status.ok()),
            () = self.pump_to_the_end() => None,
            stop = limits.reached() => Some(stop),
        };
        if let Some(stop) = stop {
            self.keep_pumping(running.stop()).await;
            return Over::Stopped(stop);
        }
        self.see_off(running).await
    }

    /// Waits for the shim, or for its word that nothing is left: what it takes down with itself, an overlay, takes time.
    async fn see_off(&mut self, running: &mut Running) -> Over {
        let ending = running.gone_or_ended(AFTER_THE_END);
        tokio::pin!(ending);
        loop {
            tokio::select! {
                status = &mut ending => return Over::Ended(status),
                () = self.pump_to_the_end() => {}
            }
        }
    }

    /// Completes when the container's first process has told how the container ended.
    async fn pump_to_the_end(&mut self) {
        let (mut out, mut err) = (vec![0; READ_SIZE], vec![0; READ_SIZE]);
        let mut status = [0; 64];
        loop {
            // Output that nobody takes stays in the pipe, where it makes the container wait.
            self.pump.ready().await;
            tokio::select! {
                read = self.pipes.stdout.read(&mut out) =>
                    self.pump.push(Stream::Stdout, &out[..read.unwrap_or(0)]),
                read = self.pipes.stderr.read(&mut err) =>
                    self.pump.push(Stream::Stderr, &err[..read.unwrap_or(0)]),
                read = self.pipes.status.read(&mut status) => {
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
