//! The terminal entry: one event from a file, run like `docker run`.

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
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    time::Instant,
};

use crate::{
    config::{ExecMode, FunctionConfig},
    container::log::Keep,
    environment::Environment,
    invocation::{AnswerFiles, Invocation, Monitor, Services, TimeBudget, WhenCancelled, invoke},
    plan::{InvocationContext, LocalStore},
    response::exit_code,
    telemetry,
    workspace::Retention,
};

use super::{block_on, complain, ended, explain, setup, sink, summary};

/// Runs a container image on an event: a file lands in a bucket, your unmodified image processes it.
///
/// The input is downloaded, the image runs through udocker, what it writes to $TMP_OUTPUT_DIR is
/// uploaded. The same binary is the runtime of an AWS Lambda function (it polls the Runtime API
/// whenever AWS_LAMBDA_RUNTIME_API is set) and, without options, the command of a job: the event is
/// then in EVENT or on standard input, and the script runs right here instead of in a container.
#[allow(clippy::doc_markdown)] // shown as help text, where backticks are noise
#[derive(Debug, Parser)]
#[command(name = "supervisor", version, after_help = EXAMPLES)]
struct Arguments {
    /// The event, a JSON file as the function would receive it; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,
    /// The configuration: function_config.yaml, or a whole function definition file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The image to run, a name in a registry or an archive file; wins over the configuration
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// Use DIR as the object store: its subdirectories are the buckets, no AWS account is needed
    #[arg(long, value_name = "DIR")]
    local_storage: Option<PathBuf>,
    /// Stop after this time; container.timeout_threshold of it is kept back for the uploads
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    timeout: Option<u64>,
    /// A variable for the container; wins over the configuration, may be repeated
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = variable)]
    variables: Vec<(String, String)>,
    /// udocker's execution mode: P1, P2, F1 to F4, R1 to R3, S1
    #[arg(long, value_name = "MODE")]
    execmode: Option<ExecMode>,
    /// Keep the workspace with input, output and script, and print where it is
    #[arg(long)]
    keep: bool,
    /// Print the report as one JSON object on standard output; the container's output goes to standard error
    #[arg(long)]
    json: bool,
    /// Print what would be done, with the exact udocker command line, and do nothing
    #[arg(long)]
    explain: bool,
}

const EXAMPLES: &str = "\
Examples:
  supervisor --event s3-event.json --config function_config.yaml
      Process an object that is in S3, exactly as the function would.
  supervisor --event s3-event.json --config fn.yaml --local-storage ./buckets
      The same on a directory: ./buckets/<bucket>/<key> is the object.
  echo '{\"cmd_args\": [\"uname\", \"-a\"]}' | supervisor --event - --image busybox
      Run a command in an image (the image's entrypoint with arguments, if it has one).
  supervisor doctor --config fn.yaml
      See what this machine can do, and what is missing.
  supervisor --event s3-event.json --config fn.yaml --explain
      See the plan and the udocker command line first.
  EVENT=\"$(cat s3-event.json)\" SCRIPT=\"$(base64 -w0 script.sh)\" supervisor
      Be the job: run the script here, as in an AWS Batch job whose image holds this binary.

Exit status: the container's own; 128+N when signal N ended it; 124 when it was stopped at the
deadline; 1 when anything around it failed.";

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

/// Runs the command line's event to its exit code.
pub fn main(environment: &Environment, arguments: Vec<OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            let _closed_pipe = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let Some(event) = arguments.event.clone() else {
        return explain_use();
    };
    ended(run(environment, &arguments, &event))
}

/// For someone who started the program with nothing to do.
pub(super) fn explain_use() -> ExitCode {
    let help = Arguments::command().render_help();
    complain(&format!(
        "{help}\nerror: no event: give one with --event FILE (or --event -), or in EVENT for a job\n"
    ));
    ExitCode::from(2)
}

fn run(environment: &Environment, arguments: &Arguments, event: &PathBuf) -> anyhow::Result<i32> {
    let config = configuration(environment, arguments)?;
    telemetry::start(config.log_level, telemetry::Format::Text);
    let payload = read_event(event)?;
    let time = TimeBudget::new(
        Instant::now(),
        arguments
            .timeout
            .map(Duration::from_secs)
            .or(config.timeout),
        config.container.timeout_threshold,
    );
    let stores = setup::store_settings(&config, environment, arguments.local_storage.clone());
    let services = Services::new(config, environment, stores);
    let cancel = watch::Sender::new(None);
    let invocation = Invocation {
        payload: &payload,
        context: context(environment, arguments),
        time,
        keep: KEPT,
        answer_files: AnswerFiles::Ignore,
        retention: if arguments.keep {
            Retention::Keep
        } else {
            Retention::Remove
        },
        cancelled: cancel.subscribe(),
        when_cancelled: WhenCancelled::Drop,
        monitor: Monitor::default(),
    };
    if arguments.explain {
        let text = explain::explain(&services, &invocation)?;
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
    invocation: &Invocation<'_>,
    cancel: &watch::Sender<Option<i32>>,
    arguments: &Arguments,
) -> anyhow::Result<i32> {
    let writer = sink::Writer::default();
    let mut terminal = sink::Terminal(writer.clone());
    let mut standard_error = sink::StandardError(writer.clone());
    let sink: &mut dyn crate::container::log::LogSink = if arguments.json {
        &mut standard_error
    } else {
        &mut terminal
    };
    let report = tokio::select! {
        report = Box::pin(invoke(services, invocation, sink)) => report,
        never = pass_on_signals(cancel) => match never? {},
        never = summary::progress(&invocation.monitor) => match never {},
    };
    writer.flush().await;
    let code = exit_code(&report.outcome);
    if arguments.json {
        let json = summary::json(&report, code);
        std::io::stdout().write_all(format!("{json}\n").as_bytes())?;
    } else {
        complain(&summary::text(&report, code));
    }
    Ok(code)
}

/// Ctrl-C and SIGTERM stop the container in order; the invocation then ends by itself.
pub(super) async fn pass_on_signals(
    cancel: &watch::Sender<Option<i32>>,
) -> std::io::Result<std::convert::Infallible> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    loop {
        let number = tokio::select! {
            _ = interrupt.recv() => nix::libc::SIGINT,
            _ = terminate.recv() => nix::libc::SIGTERM,
        };
        cancel.send_replace(Some(number));
    }
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
