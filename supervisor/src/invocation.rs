//! The pipeline: one event in, one report out. The file to read first.
//!
//! Nothing here fails the process: whatever goes wrong becomes the [`Outcome`] of a record, and the
//! workspace, the container's processes and the variables of one invocation are gone before the
//! next begins.

mod answer_file;
mod archive;
mod collect;
mod monitor;
mod narration;
mod parse_and_plan;
mod record;
pub mod report;
mod services;
pub mod time;

use tokio::sync::watch;

use crate::{
    event::Event,
    plan::{InvocationContext, Plan},
    response::{Failure, Outcome},
};
use container::{
    exec::log::{Keep, LogSink},
    workspace::{Retention, Workspace},
};
use environment::Limits;

pub use self::{
    collect::AnswerFiles,
    monitor::{Monitor, Phase},
    parse_and_plan::parse_and_plan,
    record::image_source,
    report::{RecordReport, Report},
    services::{Services, Site},
    time::{MINIMUM_RUN, TimeBudget},
};

/// What happens to the outputs of a run that the supervisor was told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenCancelled {
    /// Nothing: there is no time, or nobody wants them.
    Drop,
    /// What is there by then is uploaded, for at most this long.
    UploadWithin(std::time::Duration),
}

/// One event and the circumstances it arrived under.
#[derive(Debug)]
pub struct Invocation<'a> {
    /// The event's bytes.
    pub payload: &'a [u8],
    /// Who asks, and who we are.
    pub context: InvocationContext,
    /// When it must be over.
    pub time: TimeBudget,
    /// How much of the output is kept for the answer.
    pub keep: Keep,
    /// Whether output files are kept for the answer, where the configuration asks for it.
    pub answer_files: AnswerFiles,
    /// What happens to the workspace.
    pub retention: Retention,
    /// Turns into `Some(signal)` when the supervisor is told to stop.
    pub cancelled: watch::Receiver<Option<i32>>,
    /// What happens to the outputs then.
    pub when_cancelled: WhenCancelled,
    /// For a progress display.
    pub monitor: Monitor,
}

impl Invocation<'_> {
    /// Until when containers may run, and what stops them earlier.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            deadline: self.time.stop_at,
            grace: self.time.grace,
            cancelled: self.cancelled.clone(),
        }
    }
}

/// Runs one invocation: every record of the event, each in its own directories.
pub async fn invoke(
    services: &Services,
    invocation: &Invocation<'_>,
    sink: &mut dyn LogSink,
) -> Report {
    let started = std::time::Instant::now();
    let commands = services.udocker.commands();
    let mut report = match parse_and_plan(services, invocation) {
        Err((source, failure)) => Report::failed(source, failure),
        Ok((event, plan)) => {
            narration::understood(&event, &plan);
            if services.delegator.is_none() {
                narration::runs_here(services.config.execution_mode);
            }
            let mut report = Report::new(event.source.clone(), event.skipped.clone());
            let limits = invocation.limits();
            match services.workspace(invocation.retention, &limits).await {
                Err(error) => report.outcome = Outcome::Failed(workspace_failure(&error)),
                Ok(workspace) => {
                    run_all(
                        services,
                        invocation,
                        (&event, &plan),
                        &workspace,
                        sink,
                        &mut report,
                    )
                    .await;
                    if invocation.retention == Retention::Keep {
                        report.workspace = Some(workspace.path().to_owned());
                    }
                    services.remove_later(workspace);
                }
            }
            report
        }
    };
    report.udocker_commands = services.udocker.commands() - commands;
    report.elapsed = started.elapsed();
    narration::done(&report);
    report
}

/// Every record, one after the other, and what the event holds that is beyond use.
async fn run_all(
    services: &Services,
    invocation: &Invocation<'_>,
    (event, plan): (&Event, &Plan),
    workspace: &Workspace,
    sink: &mut dyn LogSink,
    report: &mut Report,
) {
    for item in &event.items {
        report.items.push(item.id.clone());
    }
    for (index, item) in event.items.iter().enumerate() {
        if let Some(error) = &item.rejected {
            let failure = failure("EventInvalid", error.to_string());
            let rejected = RecordReport::rejected(&item.id, index, failure);
            narration::record_done(&rejected);
            report.add(rejected);
        }
    }
    let mut runner = record::Runner {
        slot: services.slot(),
        services,
        invocation,
        workspace,
        outputs: &plan.outputs,
        collector: collect::collector(services.config(), &invocation.answer_files, event),
        answer_file: collect::answer_file(&invocation.answer_files, event),
    };
    for (index, run) in plan.runs.iter().enumerate() {
        report.add(runner.run(index, plan.runs.len(), run, sink).await);
        // The next one needs the room. The files of the last one go when the answer is posted.
        if index + 1 < plan.runs.len() {
            workspace.remove_record(index).await;
        }
    }
    report.files = runner.collector.and_then(collect::Collector::finish);
}

fn failure(name: &'static str, message: String) -> Failure {
    Failure { name, message }
}

fn workspace_failure(error: &std::io::Error) -> Failure {
    failure(
        "WorkspaceFailed",
        format!("{error}; set TMPDIR to a directory with room to write"),
    )
}
