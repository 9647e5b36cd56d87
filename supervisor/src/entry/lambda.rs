//! The Lambda entry: polls the Runtime API and answers each invocation.

mod deadline;
mod handler;
mod metrics;
mod platform;
mod processes;

use std::{process::ExitCode, sync::Arc, time::Duration};

use lambda_runtime::{LambdaEvent, Runtime, layers::TracingLayer, service_fn};
use serde_json::value::RawValue;

use super::{process::block_on, setup};
use crate::{response::FailureName, telemetry};
use config::{FunctionConfig, LogLevel};
use container::owned_dir::sweep;
use environment::{self as names, Environment, Platform};
use handler::Handler;
use platform::PlatformApi;

/// Variables that `lambda_runtime` cannot do without; Lambda always sets them.
const REQUIRED: [&str; 3] = [
    names::AWS_LAMBDA_FUNCTION_NAME,
    names::AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    names::AWS_LAMBDA_FUNCTION_VERSION,
];

/// Delay of the clearing behind an invocation, which would compete with the answer for the processor.
const UNTIL_THE_ANSWER_IS_POSTED: Duration = Duration::from_millis(10);

/// Serves invocations until the platform ends the process.
///
/// `command` is what an image function runs for events that name nothing else.
pub fn main(environment: &Environment, command: Vec<String>) -> ExitCode {
    let config = setup::lambda_config(environment);
    let level = config
        .as_ref()
        .map_or_else(|_| LogLevel::default(), |c| c.log_level);
    telemetry::start(level, telemetry::Format::of(Platform::Lambda));
    processes::write_no_cores();
    let served = serve(environment, config, command);
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve(
    environment: &Environment,
    config: Result<FunctionConfig, setup::SetupError>,
    command: Vec<String>,
) -> anyhow::Result<()> {
    block_on(async {
        let platform = PlatformApi::new(environment)?;
        let initialised = check(environment, config);
        if let Err(message) = &initialised {
            let accepted = platform
                .report_init_error(FailureName::ConfigInvalid, message)
                .await;
            anyhow::ensure!(!accepted, "initialisation failed: {message}");
            // Without a platform that takes the report, every invocation is answered with it.
        }
        platform.ask_for_shutdown_signal().await;
        // Directories of a runtime that was killed in this environment.
        sweep(&environment.temp_dir());
        let handler = Arc::new(Handler::new(environment, initialised, command)?);
        tokio::select! {
            ended = poll(&handler) => ended,
            () = handler.shutdown() => Ok(()),
        }
    })
}

/// Checks what every invocation needs.
fn check(
    environment: &Environment,
    config: Result<FunctionConfig, setup::SetupError>,
) -> Result<FunctionConfig, String> {
    let missing = REQUIRED.iter().find(|name| environment.get(name).is_none());
    if let Some(name) = missing {
        return Err(format!(
            "environment variable {name} is missing: the Lambda runtime needs it (an emulator must set it)"
        ));
    }
    config.map_err(|error| error.to_string())
}

/// One invocation at a time, or as many as `AWS_LAMBDA_MAX_CONCURRENCY` says.
async fn poll(handler: &Arc<Handler>) -> anyhow::Result<()> {
    let handler = Arc::clone(handler);
    let service = move |event: LambdaEvent<Box<RawValue>>| {
        let handler = Arc::clone(&handler);
        async move {
            let answer = handler.answer(event).await;
            tokio::spawn(async move {
                tokio::time::sleep(UNTIL_THE_ANSWER_IS_POSTED).await;
                handler.start_clearing().await;
            });
            answer
        }
    };
    Runtime::new(service_fn(service))
        .layer(TracingLayer::new())
        .run_concurrent()
        .await
        .map_err(|error| anyhow::anyhow!("the Runtime API failed: {error}"))
}
