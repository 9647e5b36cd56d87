//! Looks after a run: its output is pumped until it has ended, whoever ends it.

use std::{process::ExitStatus, time::Duration};

use tokio::time::Instant;

use super::{
    log::{LogFile, LogPump, LogSink},
    outcome::{RunEnd, RunReport},
};
use crate::{
    error::ContainerError,
    exec::{
        process::Running,
        reports::{Reports, Rest, Start},
        request::RunRequest,
        run_pipes::{Buffers, RunPipes},
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
        buffers: Buffers::default(),
        reports: running.take_reports(),
    };
    let over = waiter.wait(&mut running, &request.limits).await;
    let Waiter {
        mut pump,
        mut pipes,
        mut reports,
        ..
    } = waiter;
    pipes.drain(&mut pump);
    reports.take_rest();
    let end = match over {
        Over::Stopped(Stop::Deadline) => Some(RunEnd::TimedOut),
        Over::Stopped(Stop::Cancelled(signal)) => Some(RunEnd::Cancelled(signal)),
        Over::Ended(_) => end(&pipes, &reports),
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

/// How a run ended that was not stopped; none where it did not begin.
fn end(pipes: &RunPipes, reports: &Reports) -> Option<RunEnd> {
    let told = pipes.end().or(reports.end());
    told.or_else(|| {
        let has_begun = pipes.has_taken_variables();
        // It began, and nobody reported how it ended: who should have was killed itself.
        has_begun
            .unwrap_or(reports.start() == Start::Begun)
            .then_some(RunEnd::Killed(nix::libc::SIGKILL))
    })
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
    buffers: Buffers,
    /// The shim's reports of the run.
    reports: Reports,
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
        let ending = running.finish(AFTER_THE_END);
        tokio::pin!(ending);
        loop {
            if self.reports.rest() == Rest::Gone {
                return Over::Ended(None);
            }
            tokio::select! {
                status = &mut ending => return Over::Ended(status),
                () = self.pump_on() => {}
            }
        }
    }

    /// Completes when it is known how the container ended.
    async fn pump_to_the_end(&mut self) {
        while self.pipes.end().or(self.reports.end()).is_none() {
            self.pump_on().await;
        }
    }

    /// Passes output on, or takes a report.
    async fn pump_on(&mut self) {
        // Output that nobody takes stays in the pipe, where it makes the container wait.
        self.pump.ready().await;
        tokio::select! {
            () = self.pipes.pump(&mut self.pump, &mut self.buffers) => {}
            () = self.reports.more() => {}
        }
    }

    /// Output goes on being read while the run is being ended, or it could not end.
    async fn keep_pumping(&mut self, ending: impl Future<Output = ()>) {
        tokio::pin!(ending);
        while self.reports.rest() == Rest::Some {
            tokio::select! {
                () = &mut ending => return,
                () = self.pump_on() => {}
            }
        }
    }
}
