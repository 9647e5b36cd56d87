//! Answers invocations.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::{Value, value::RawValue};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    time::Instant,
};

use super::{deadline::time_left, metrics::Metrics, processes::Zombies};
use crate::{
    entry::{doctor, setup, sink, sink::Ids},
    invocation::{
        AnswerFiles, Invocation, Monitor, Services, TimeBudget, WhenCancelled, invoke, respond,
    },
    plan::{InvocationContext, LocalStore},
    response::{FailureName, Response, log_limit},
};
use config::FunctionConfig;
use container::{
    exec::log::{Keep, Stream},
    workspace::Retention,
};
use environment::{self as names, Environment};

/// Longest wait at the end of the process for work that clears up. Lambda ends the process earlier and discards the
/// environment. Other hosts keep the directory.
const CLEARING_LIMIT: Duration = Duration::from_secs(5);

/// Answers the invocations of a function, and owns everything that stays from one to the next.
pub(super) struct Handler {
    environment: Environment,
    services: Result<Services, String>,
    instance_ip: String,
    metrics: Metrics,
    zombies: Zombies,
    writer: sink::Writer,
    cancel: Arc<watch::Sender<Option<i32>>>,
    terminate: tokio::sync::Mutex<tokio::signal::unix::Signal>,
}

impl Handler {
    /// A handler for a function with this configuration, or with the error that all invocations are answered with.
    /// `command` is the image function's own.
    ///
    /// # Errors
    /// The operating system's, when SIGTERM cannot be listened for.
    pub(super) fn new(
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
    pub(super) async fn shutdown(&self) {
        self.terminate.lock().await.recv().await;
        self.cancel.send_replace(Some(nix::libc::SIGTERM));
        // The platform allows 300 ms (Lambda, graceful shutdown); a stopped container needs less.
        tokio::time::sleep(Duration::from_millis(250)).await;
        if let Ok(services) = &self.services {
            let _too_long = tokio::time::timeout(CLEARING_LIMIT, services.finish_clearing()).await;
        }
    }

    /// Starts to clear up behind the invocations that are answered.
    pub(super) async fn start_clearing(&self) {
        if let Ok(services) = &self.services {
            services.start_clearing().await;
        }
    }

    /// Runs an invocation and answers it.
    pub(super) async fn answer(
        &self,
        event: LambdaEvent<Box<RawValue>>,
    ) -> Result<Value, Diagnostic> {
        if sandbox_probe::asks_for_report(event.payload.get().as_bytes()) {
            return self.report_on_sandbox().await;
        }
        let context = self.context(&event.context.request_id);
        let services = match &self.services {
            Ok(services) => services,
            Err(message) => return Err(diagnostic(FailureName::ConfigInvalid.as_str(), message)),
        };
        let config = services.config();
        let threshold = config.container.timeout_threshold;
        let total = time_left(event.context.deadline, SystemTime::now(), config.timeout);
        let time = TimeBudget::new(Instant::now(), total, threshold);
        let half = u64::try_from(log_limit() / 2).unwrap_or(u64::MAX);
        let invocation = Invocation {
            payload: Box::<str>::from(event.payload).into_boxed_bytes().into(),
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
        send(respond(report, invocation, config.on_failure))
    }

    /// Reports what the sandbox around this function allows, instead of running its container.
    async fn report_on_sandbox(&self) -> Result<Value, Diagnostic> {
        tracing::info!("asked for a report on the sandbox: nothing is run");
        let environment = self.environment.clone();
        let made = tokio::task::spawn_blocking(move || doctor::sandbox::report(&environment));
        let name = FailureName::DoctorFailed.as_str();
        let failed = |why: &dyn std::fmt::Display| diagnostic(name, &why.to_string());
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

fn send(response: Response) -> Result<Value, Diagnostic> {
    match response {
        Response::Payload(payload) => Ok(payload),
        Response::FunctionError {
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
