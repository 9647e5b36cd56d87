//! The terminal entry: one event from a file, run like `docker run`.

mod arguments;
mod trial;

use std::{
    ffi::OsString,
    fs,
    io::{Read, Write},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use anyhow::Context as _;
use clap::{CommandFactory, Parser};
use tokio::{sync::watch, time::Instant};

use crate::{
    invocation::{AnswerFiles, Invocation, Monitor, Services, TimeBudget, WhenCancelled, invoke},
    plan::{InvocationContext, LocalStore},
    response::exit_code,
    telemetry,
};
use config::FunctionConfig;
use container::{exec::log::Keep, owned_dir::sweep};
use environment::Environment;

use super::{
    as_lambda, explain,
    process::{block_on, clear_up, complain, ended, pass_on_signals},
    setup, sink, summary,
};
use arguments::Arguments;
use as_lambda::Function;

/// Runs the command line's event to its exit code.
pub fn main(environment: &Environment, arguments: Vec<OsString>) -> ExitCode {
    let words = arguments;
    let arguments = match Arguments::try_parse_from(&words) {
        Ok(arguments) => arguments,
        Err(error) => {
            let _closed_pipe = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let Some(event) = arguments.event.clone() else {
        return explain_use();
    };
    ended(run(environment, &arguments, &words, &event))
}

/// Options of the terminal.
pub(super) fn command_line() -> clap::Command {
    Arguments::command()
}

/// Prints the help for somebody who gave the program no event.
pub(super) fn explain_use() -> ExitCode {
    let help = Arguments::command().render_help();
    complain(&format!(
        "{help}\nerror: no event: give one with --event FILE (or --event -), or in EVENT for a job\n"
    ));
    ExitCode::from(2)
}

fn run(
    environment: &Environment,
    arguments: &Arguments,
    words: &[OsString],
    event: &PathBuf,
) -> anyhow::Result<i32> {
    let is_trial = arguments.as_lambda && !arguments.imitated && !arguments.explain;
    if is_trial {
        trial::refuse_streams(arguments)?;
    }
    let mut config = configuration(environment, arguments)?;
    let mut timeout = arguments
        .timeout
        .map(Duration::from_secs)
        .or(config.timeout);
    let mut function = None;
    if arguments.as_lambda {
        as_lambda::settle(&mut config, environment)?;
        let size = Function::new(&config, arguments.memory, arguments.tmp, timeout)?;
        if is_trial {
            return trial::run(environment, arguments, words, &config, size);
        }
        timeout = Some(size.timeout);
        function = Some(size);
    }
    telemetry::start(config.log_level, telemetry::Format::Text);
    if !arguments.explain {
        sweep(&environment.temp_dir());
    }
    let payload = read_event(event)?;
    let threshold = config.container.timeout_threshold;
    let time = TimeBudget::new(Instant::now(), timeout, threshold);
    let stores = setup::store_settings(&config, environment, arguments.local_storage.clone());
    let services = Services::new(config, environment, stores);
    let cancel = watch::Sender::new(None);
    let invocation = Invocation {
        payload: payload.into(),
        context: context(environment, arguments),
        time,
        keep: KEPT,
        answer_files: AnswerFiles::Ignore,
        retention: arguments.retention(),
        cancelled: cancel.subscribe(),
        when_cancelled: WhenCancelled::Drop,
        monitor: Monitor::default(),
    };
    if arguments.explain {
        let mut text = explain::explain(&services, &invocation)?;
        if let Some(function) = function {
            text = format!("{}\n{text}", function.describe());
        }
        std::io::stdout().write_all(text.as_bytes())?;
        return Ok(0);
    }
    block_on(execute(&services, &invocation, &cancel, arguments))
}

/// For the JSON report; the terminal has seen everything.
const KEPT: Keep = Keep {
    head: 512 * 1024,
    tail: 512 * 1024,
};

async fn execute(
    services: &Services,
    invocation: &Invocation,
    cancel: &watch::Sender<Option<i32>>,
    arguments: &Arguments,
) -> anyhow::Result<i32> {
    let writer = sink::Writer::default();
    let mut terminal = sink::Terminal(writer.clone());
    let mut standard_error = sink::StandardError(writer.clone());
    let sink: &mut dyn container::exec::log::LogSink = if arguments.json {
        &mut standard_error
    } else {
        &mut terminal
    };
    let report = tokio::select! {
        report = Box::pin(invoke(services, invocation, sink)) => report,
        never = pass_on_signals(cancel) => match never? {},
        never = summary::progress(&invocation.monitor) => match never {},
    };
    services.finish().await;
    writer.flush().await;
    let code = exit_code(&report.outcome);
    if arguments.json {
        let json = summary::json(&report, code);
        std::io::stdout().write_all(format!("{json}\n").as_bytes())?;
    } else {
        complain(&summary::text(&report, code));
    }
    clear_up(services).await?;
    Ok(code)
}

fn configuration(
    environment: &Environment,
    arguments: &Arguments,
) -> anyhow::Result<FunctionConfig> {
    let (file, image) = (arguments.config.as_ref(), arguments.image.as_ref());
    let mut config = with_image(environment, file, image)?;
    config.container.execmode = arguments.execmode.or(config.container.execmode);
    Ok(config)
}

/// The configuration in `file`, else every default, with `image` in place of its own.
pub(super) fn with_image(
    environment: &Environment,
    file: Option<&PathBuf>,
    image: Option<&String>,
) -> anyhow::Result<FunctionConfig> {
    let mut config = match file {
        Some(path) => setup::config_file(path, environment)?,
        None => setup::parse("defaults", "", &std::env::current_dir()?, environment)?,
    };
    if let Some(image) = image {
        let path = PathBuf::from(image);
        config.container.image = None;
        config.container.image_file = None;
        if path.is_file() || looks_like_a_file(image) {
            let path = path
                .canonicalize()
                .with_context(|| format!("cannot read the image archive {image}"))?;
            config.container.image_file = Some(path);
        } else {
            config.container.image = Some(image.clone());
        }
    }
    Ok(config)
}

/// No image in a registry is called that, so it is a file whose name was misspelt.
fn looks_like_a_file(image: &str) -> bool {
    const ENDINGS: [&str; 3] = [".tar", ".tar.gz", ".tgz"];
    image.starts_with(['/', '.']) || ENDINGS.iter().any(|ending| image.ends_with(ending))
}

fn read_event(path: &PathBuf) -> anyhow::Result<Vec<u8>> {
    if path.as_os_str() == "-" {
        return event_of_standard_input();
    }
    fs::read(path).with_context(|| format!("cannot read the event {}", path.display()))
}

pub(super) fn event_of_standard_input() -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .read_to_end(&mut bytes)
        .context("cannot read the event from standard input")?;
    Ok(bytes)
}

fn context(environment: &Environment, arguments: &Arguments) -> InvocationContext {
    InvocationContext {
        request_id: request_id(),
        instance_ip: setup::instance_ip(),
        function_name: None,
        log_group: None,
        log_stream: None,
        credentials: setup::credentials(environment),
        local_store: match arguments.local_storage {
            Some(_) => LocalStore::Present,
            None => LocalStore::Absent,
        },
        extra_variables: arguments.variables.clone(),
    }
}

/// Unique on this machine; Lambda gives its own.
pub(super) fn request_id() -> String {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    format!("local-{}-{}", now.as_nanos(), std::process::id())
}
