//! The pipeline: one event in, one report out. The file to read first.
//!
//! ```text
//! bytes → Event → Plan → StagedInputs → RunReport → UploadReport → Response
//! ```
//!
//! 1. and 2. [`parse_and_plan`]: the bytes become an event, and the event a plan. Nothing is touched yet.
//! 3. `stage_in`, for each record: prepares its image and downloads its input.
//! 4. `run`: runs its command.
//! 5. `stage_out`: uploads its outputs and keeps them for the answer.
//! 6. [`respond`]: answers whoever sent the event.
//!
//! Each step returns its value, and none changes another's. Whatever goes wrong becomes the [`Outcome`] of a record, and
//! never fails the process. What stays from one invocation to the next is in [`Services`], which the entry owns. The
//! workspace, the container's processes and the variables of one invocation are gone before the next one stages in.

mod answer_file;
mod archive;
mod collect;
mod delegate;
mod files;
mod image_source;
mod monitor;
mod narration;
mod parse_and_plan;
mod phases;
mod record_error;
pub mod report;
mod request;
mod run;
mod services;
mod stage_in;
mod stage_out;
mod step;
pub mod time;

use std::time::Instant;

use crate::{
    event::Event,
    plan::{Plan, RunPlan},
    response::{Failure, FailureName, Outcome, Response, render},
};
use collect::Collector;
use config::OnFailure;
use container::{
    exec::log::{LogSink, Stream},
    workspace::Retention,
};
use delegate::Settled;
use record_error::RecordError;
use step::{Attempt, Steps, outcome_of};

pub use self::{
    collect::AnswerFiles,
    image_source::image_source,
    monitor::{Monitor, Phase},
    parse_and_plan::parse_and_plan,
    report::{RecordReport, Report},
    request::{Invocation, WhenCancelled},
    services::{Services, Site},
    time::{MINIMUM_RUN, TimeBudget},
};

/// Runs one invocation: every record of the event, each in its own directories.
pub async fn invoke(
    services: &Services,
    invocation: &Invocation,
    sink: &mut dyn LogSink,
) -> Report {
    let started = Instant::now();
    let commands = services.udocker.commands();
    let mut report = match parse_and_plan(&services.config, invocation) {
        Err((source, failure)) => Report::failed(source, failure),
        Ok((event, plan)) => {
            narration::parsed(&event, &plan);
            if services.delegator.is_none() {
                narration::runs_here(services.config.execution_mode);
            }
            process(services, invocation, (&event, &plan), sink).await
        }
    };
    report.udocker_commands = services.udocker.commands() - commands;
    report.elapsed = started.elapsed();
    narration::done(&report);
    report
}

/// The answer to whoever sent the event.
pub fn respond(report: Report, invocation: Invocation, on_failure: OnFailure) -> Response {
    let limit = invocation.time.limit;
    let (finished, source) = report.into_finished(invocation.context, limit);
    render(&finished, &source, on_failure)
}

/// Makes the workspace, and runs the records in it.
async fn process(
    services: &Services,
    invocation: &Invocation,
    (event, plan): (&Event, &Plan),
    sink: &mut dyn LogSink,
) -> Report {
    let mut report = Report::new(event.source.clone(), event.skipped.clone());
    let limits = invocation.limits();
    let workspace = match services.workspace(invocation.retention, &limits).await {
        Ok(workspace) => workspace,
        Err(error) => {
            report.outcome = Outcome::Failed(workspace_failure(&error));
            return report;
        }
    };
    for item in &event.items {
        report.items.push(item.id.clone());
    }
    for rejected in rejected(event) {
        narration::record_done(&rejected);
        report.add(rejected);
    }
    let steps = Steps {
        slot: services.slot(),
        services,
        invocation,
        workspace: &workspace,
        outputs: &plan.outputs,
        count: plan.runs.len(),
        answer_file: collect::answer_file(&invocation.answer_files, event),
    };
    let mut collector = collect::collector(services.config(), &invocation.answer_files, event);
    for (index, run) in plan.runs.iter().enumerate() {
        let (record, collected) = run_record(&steps, index, run, collector, sink).await;
        report.add(record);
        collector = collected;
        // The next one needs the room. The files of the last one go when the answer is posted.
        if index + 1 < plan.runs.len() {
            workspace.remove_record(index).await;
        }
    }
    report.files = collector.and_then(Collector::finish);
    if invocation.retention == Retention::Keep {
        report.workspace = Some(workspace.path().to_owned());
    }
    services.remove_later(workspace);
    report
}

/// The reports of messages and tasks whose content is malformed.
fn rejected(event: &Event) -> impl Iterator<Item = RecordReport> {
    event.items.iter().enumerate().filter_map(|(index, item)| {
        let error = item.rejected.as_ref()?;
        let failure = Failure::new(FailureName::EventInvalid, error.to_string());
        Some(RecordReport::rejected(&item.id, index, failure))
    })
}

/// Runs one record, here or as a job. Returns its report and the files that the answer has so far.
async fn run_record(
    steps: &Steps<'_>,
    index: usize,
    plan: &RunPlan,
    collector: Option<Collector>,
    sink: &mut dyn LogSink,
) -> (RecordReport, Option<Collector>) {
    narration::record_begins(index, steps.count, &plan.label);
    let (settled, attempt, collector) = if let Some(delegator) = steps.delegates_at_once() {
        let why = "execution_mode is batch";
        let delegated = steps.delegate(delegator, why, index, plan).await;
        (delegated, Attempt::default(), collector)
    } else {
        let (end, attempt, collector) = run_here(steps, index, plan, collector, sink).await;
        let settled = match end {
            Ok(outcome) => Settled::from(outcome),
            Err(error) => steps.settle(error, index, plan).await,
        };
        (settled, attempt, collector)
    };
    if !settled.line.is_empty() {
        sink.lines(Stream::Stderr, settled.line.as_bytes());
    }
    let report = RecordReport {
        label: plan.label.clone(),
        item: plan.item,
        outcome: settled.outcome,
        log: [attempt.log, settled.line.into_bytes()].concat(),
        bytes_in: attempt.bytes_in,
        upload: attempt.upload,
        phases: attempt.phases,
    };
    narration::record_done(&report);
    (report, collector)
}

/// Takes one record through steps 3 to 5 until one of them ends it. Returns how it ended, what was done by then, and the
/// files that the answer has so far.
async fn run_here(
    steps: &Steps<'_>,
    index: usize,
    plan: &RunPlan,
    collector: Option<Collector>,
    sink: &mut dyn LogSink,
) -> (Result<Outcome, RecordError>, Attempt, Option<Collector>) {
    let staged = Box::pin(steps.stage_in(index, plan)).await;
    let done = Attempt {
        phases: staged.phases,
        ..Attempt::default()
    };
    let inputs = match staged.value {
        Ok(inputs) => inputs,
        Err(error) => return (Err(error), done, collector),
    };

    let ran = steps.run(plan, &inputs, sink).await;
    let done = Attempt {
        bytes_in: inputs.input.as_ref().map_or(0, |input| input.bytes),
        phases: done.phases.and(ran.phases),
        ..done
    };
    let ran = match ran.value {
        Ok(ran) => ran,
        Err(error) => return (Err(error), done, collector),
    };

    let record = &inputs.record;
    let outputs = steps.stage_out(index, record, ran.end, collector).await;
    let end = outputs.error.map_or(Ok(outcome_of(ran.end)), Err);
    let done = Attempt {
        log: ran.log.read().unwrap_or_default(),
        upload: outputs.upload,
        phases: done.phases.and(outputs.phases),
        ..done
    };
    (end, done, outputs.collector)
}

fn workspace_failure(error: &std::io::Error) -> Failure {
    Failure::new(
        FailureName::WorkspaceFailed,
        format!("{error}; set TMPDIR to a directory with room to write"),
    )
}
