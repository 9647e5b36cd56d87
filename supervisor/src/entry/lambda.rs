//! The Lambda entry: polls the Runtime API and answers each invocation.

mod deadline;
mod metrics;
mod platform;
mod processes;

use std::{
    process::ExitCode,
    sync::Arc,
    time::{Duration, SystemTime},
};

use lambda_runtime::{Diagnostic, LambdaEvent, Runtime, layers::TracingLayer, service_fn};
use serde_json::{Value, value::RawValue};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    time::Instant,
};

use crate::{
    invocation::{AnswerFiles, Invocation, Monitor, Services, TimeBudget, WhenCancelled, invoke},
    plan::{InvocationContext, LocalStore},
    response::{Wire, log_limit, render},
    telemetry,
};
use config::{FunctionConfig, LogLevel};
use container::{
    exec::log::{Keep, Stream},
    owned_dir::sweep,
    workspace::Retention,
};
use environment::{self as names, Environment, Platform};

use super::{block_on, doctor, setup, sink, sink::Ids};

use deadline::time_left;
use metrics::Metrics;
use platform::PlatformApi;
use processes::Zombies;

/// Variables that `lambda_runtime` cannot do without; Lambda always sets them.
const REQUIRED: [&str; 3] = [
    names::AWS_LAMBDA_FUNCTION_NAME,
    names::AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    names::AWS_LAMBDA_FUNCTION_VERSION,
];

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
            let accepted = platform.report_init_error("ConfigInvalid", message).await;
            anyhow::ensure!(!accepted, "initialisation failed: {message}");
            // Nobody took the report: then every invocation is answered with it.
        }
        platform.ask_for_shutdown_signal().await;
        // Of a runtime that was killed in the same environment.
        sweep(&environment.temp_dir());
        let function = Arc::new(Function::new(environment, initialised, command)?);
        tokio::select! {
            ended = poll(&function) => ended,
            () = function.shutdown() => Ok(()),
        }
    })
}

/// What has to be right before the first invocation.
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
async fn poll(function: &Arc<Function>) -> anyhow::Result<()> {
    let function = Arc::clone(function);
    let handler = move |event: LambdaEvent<Box<RawValue>>| {
        let function = Arc::clone(&function);
        async move { function.answer(event).await }
    };
    Runtime::new(service_fn(handler))
        .layer(TracingLayer::new())
        .run_concurrent()
        .await
        .map_err(|error| anyhow::anyhow!("the Runtime API failed: {error}"))
}

/// A function between its invocations.
struct Function {
    environment: Environment,
    services: Result<Services, String>,
    instance_ip: String,
    metrics: Metrics,
    zombies: Zombies,
    writer: sink::Writer,
    cancel: Arc<watch::Sender<Option<i32>>>,
    terminate: tokio::sync::Mutex<tokio::signal::unix::Signal>,
}

impl Function {
    fn new(
        environment: &Environment,
        config: Result<FunctionConfig, String>,
        command: Vec<String>,
    ) -> anyhow::Result<Self> {
        let services = config.map(|config| {
            let stores = setup::store_settings(&config, environment, None);
            let aws = stores.aws.clone();
            let services =
                Services::new(config, environment, stores).delegating(aws.region, aws.network);
            if environment.is_image_function() {
                services.here(environment, command)
            } else {
                services
            }
        });
        Ok(Self {
            metrics: Metrics::new(environment),
            zombies: Zombies::default(),
            environment: environment.clone(),
            services,
            instance_ip: setup::instance_ip(),
            writer: sink::Writer::default(),
            cancel: Arc::new(watch::Sender::new(None)),
            terminate: signal(SignalKind::terminate())?.into(),
        })
    }

    /// Completes when the platform shuts the environment down, a moment later if there is a
    /// container to stop.
    async fn shutdown(&self) {
        self.terminate.lock().await.recv().await;
        self.cancel.send_replace(Some(nix::libc::SIGTERM));
        // The platform allows 300 ms (Lambda, graceful shutdown); a stopped container needs less.
        tokio::time::sleep(Duration::from_millis(250)).await;
    }

    async fn answer(&self, event: LambdaEvent<Box<RawValue>>) -> Result<Value, Diagnostic> {
        if sandbox_probe::asks_for_report(event.payload.get().as_bytes()) {
            return self.report_on_sandbox().await;
        }
        let context = self.context(&event.context.request_id);
        let services = match &self.services {
            Ok(services) => services,
            Err(message) => return Err(diagnostic("ConfigInvalid", message)),
        };
        let config = services.config();
        let threshold = config.container.timeout_threshold;
        let total = time_left(event.context.deadline, SystemTime::now(), config.timeout);
        let time = TimeBudget::new(Instant::now(), total, threshold);
        let half = u64::try_from(log_limit() / 2).unwrap_or(u64::MAX);
        let invocation = Invocation {
            payload: event.payload.get().as_bytes(),
            context,
            time,
            keep: Keep {
                head: half,
                tail: half,
            },
            answer_files: AnswerFiles::Keep,
            retention: Retention::Remove,
            cancelled: self.cancel.subscribe(),
            when_cancelled: WhenCancelled::Drop,
            monitor: Monitor::default(),
        };
        let ids = Ids {
            request: event.context.request_id,
            trace: event.context.xray_trace_id,
        };
        let mut sink = sink::Lambda::new(&self.environment, ids.clone(), self.writer.clone());
        let report = Box::pin(invoke(services, &invocation, &mut sink)).await;
        self.zombies.look();
        self.writer
            .write(Stream::Stdout, self.metrics.lines(&report, &ids));
        // After the answer the environment is frozen: what is not written then comes late or never.
        self.writer.flush().await;
        let (finished, source) = report.into_finished(invocation.context, time.limit);
        send(render(&finished, &source, config.on_failure))
    }

    /// What the sandbox around this function allows, in place of a run of its container.
    async fn report_on_sandbox(&self) -> Result<Value, Diagnostic> {
        tracing::info!("asked for a report on the sandbox: nothing is run");
        let environment = self.environment.clone();
        let made = tokio::task::spawn_blocking(move || doctor::sandbox::report(&environment));
        let failed = |why: &dyn std::fmt::Display| diagnostic("DoctorFailed", &why.to_string());
        let report = made.await.map_err(|error| failed(&error))?;
        serde_json::to_value(report).map_err(|error| failed(&error))
    }

    fn context(&self, request_id: &str) -> InvocationContext {
        InvocationContext {
            request_id: request_id.to_owned(),
            instance_ip: self.instance_ip.clone(),
            function_name: self.environment.text(names::AWS_LAMBDA_FUNCTION_NAME),
            log_group: self.environment.text(names::AWS_LAMBDA_LOG_GROUP_NAME),
            log_stream: self.environment.text(names::AWS_LAMBDA_LOG_STREAM_NAME),
            credentials: setup::credentials(&self.environment),
            local_store: LocalStore::Absent,
            extra_variables: Vec::new(),
        }
    }
}

fn send(wire: Wire) -> Result<Value, Diagnostic> {
    match wire {
        Wire::Payload(payload) => Ok(payload),
        Wire::FunctionError {
            error_type,
            message,
        } => Err(diagnostic(&error_type, &message)),
    }
}

fn diagnostic(error_type: &str, message: &str) -> Diagnostic {
    Diagnostic {
        error_type: error_type.to_owned(),
        error_message: message.to_owned(),
    }
}
