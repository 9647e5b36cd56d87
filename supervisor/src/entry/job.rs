//! The job entry: one event, in an AWS Batch job or any other runner's, inside the user's own image.
//!
//! The event's command runs beside the supervisor, see [`container::run::direct`]. Standard output carries the answer to a
//! direct event and nothing else. All messages go to standard error.

mod answer;
mod input;
mod message;
mod runner;

use std::{ffi::OsString, io::IsTerminal, path::Path, process::ExitCode, time::Duration};

use tokio::{sync::watch, time::Instant};

use crate::{
    batch::message::Pointer,
    invocation::{AnswerFiles, Invocation, Monitor, Services, TimeBudget, WhenCancelled, invoke},
    response::{Outcome, exit_code},
    telemetry,
};
use config::DispatchMode;
use container::{exec::log::Keep, workspace::Retention};
use environment::{self as names, Environment};

use super::{
    local::explain_use,
    process::{block_on, clear_up, complain, ended, pass_on_signals},
    setup, sink,
};
use runner::JobRunner;

/// From SIGTERM to SIGKILL: Batch and most schedulers kill a job 30 s after they told it to end (AWS Batch user guide, "Job
/// timeouts"), of which the larger part is for the uploads.
const GRACE: Duration = Duration::from_secs(10);
/// What is left then for uploading what the command had written. Three seconds more are for aborting what has not arrived.
const UPLOADS_AFTER_SIGNAL: Duration = Duration::from_secs(15);
/// Output kept for messages. The log has all of it.
const KEPT: Keep = Keep {
    head: 16 * 1024,
    tail: 64 * 1024,
};

/// Whether the supervisor was started as a job: without options, and with an event in `EVENT` or on standard input. A
/// person who types no options at a terminal gets help.
pub fn is_meant(environment: &Environment, arguments: &[OsString]) -> bool {
    let no_options = arguments.get(1).is_none_or(|word| word == "--");
    let event = environment.get(names::EVENT).is_some() || !std::io::stdin().is_terminal();
    no_options && event
}

/// Runs the job's event to its exit code. `command` is what runs where nothing else is named.
pub fn main(environment: &Environment, command: Vec<String>) -> ExitCode {
    run(environment, command)
        .transpose()
        .map_or_else(explain_use, ended)
}

/// The exit code; `None` without anything to run.
fn run(environment: &Environment, command: Vec<String>) -> anyhow::Result<Option<i32>> {
    let mut config = setup::job_config(environment)?;
    telemetry::start(config.log_level, telemetry::Format::Text);
    // Both are for the function that submits the job. A job that delegates would never end.
    config.execution_mode = DispatchMode::Lambda;
    config.multi_node_parallel = None;
    let (environment, scratch) = runner::make_room(environment.clone())?;
    let environment = &environment;
    let mut payload = input::event(environment)?;
    let mut script = input::script(environment, scratch.path())?;
    if let Some(pointer) = Pointer::read(&payload) {
        let stores = setup::store_settings(&config, environment, None);
        let message = block_on(message::fetch(&pointer, stores, scratch.path()))?;
        payload = message.event;
        script = message.script.or(script);
    }
    config.init_script = script.or(config.init_script);
    // An empty event counts only if a command or script is set up for it.
    let set_up = config.init_script.is_some() || !command.is_empty();
    if payload.is_empty() && !set_up {
        return Ok(None);
    }
    let runner = JobRunner::of(environment);
    let time = time_budget(runner, config.timeout, config.container.timeout_threshold);
    let answer = scratch.path().join("answer");
    let cancel = watch::Sender::new(None);
    let stores = setup::store_settings(&config, environment, None);
    let services = Services::new(config, environment, stores).here(environment, command);
    let invocation = Invocation {
        payload: payload.into(),
        context: input::context(environment),
        time,
        keep: KEPT,
        answer_files: match runner {
            // Its standard output is a log, not an answer.
            JobRunner::Batch => AnswerFiles::Ignore,
            JobRunner::Other => AnswerFiles::Write(answer.clone()),
        },
        retention: Retention::Remove,
        cancelled: cancel.subscribe(),
        when_cancelled: WhenCancelled::UploadWithin(UPLOADS_AFTER_SIGNAL),
        monitor: Monitor::default(),
    };
    let execution = execute(&services, &invocation, &cancel, &answer);
    block_on(execution).map(Some)
}

/// `timeout` is the function's. It does not apply to a Batch job, which has a limit of its own and gets a signal then.
fn time_budget(runner: JobRunner, timeout: Option<Duration>, threshold: Duration) -> TimeBudget {
    let total = match runner {
        JobRunner::Batch => None,
        JobRunner::Other => timeout,
    };
    let time = TimeBudget::new(Instant::now(), total, threshold);
    match total {
        None => TimeBudget {
            grace: GRACE,
            ..time
        },
        Some(_) => time,
    }
}

async fn execute(
    services: &Services,
    invocation: &Invocation,
    cancel: &watch::Sender<Option<i32>>,
    answer: &Path,
) -> anyhow::Result<i32> {
    let writer = sink::Writer::default();
    let mut sink = sink::StandardError(writer.clone());
    let report = tokio::select! {
        report = Box::pin(invoke(services, invocation, &mut sink)) => report,
        never = pass_on_signals(cancel) => match never? {},
    };
    services.finish().await;
    writer.flush().await;
    // Whatever ends otherwise has no answer: what is written of it may be a part.
    let printed = match report.outcome {
        Outcome::SUCCESS => answer::print(answer),
        _ => Ok(()),
    };
    if let (Ok(()), Outcome::Failed(failure)) = (&printed, &report.outcome) {
        complain(&format!("error: {}: {}\n", failure.name, failure.message));
    }
    clear_up(services).await?;
    printed.map(|()| exit_code(&report.outcome))
}
