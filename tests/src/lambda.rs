//! The supervisor as a Lambda custom runtime, against an emulated Runtime API.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::finished::Finished;
use crate::freezer::{FreezeBy, Frozen};
use crate::launch::Launch;
use crate::namespace::Namespace;
use crate::processes::Process;
use crate::run::Running;
use crate::runtime_api::{Reply, ReplyKind, RuntimeApi};
use crate::sandbox::Sandbox;

/// How long any answer may take by the wall clock.
const PATIENCE: Duration = Duration::from_mins(1);

/// One execution environment.
#[derive(Debug)]
pub struct Lambda {
    // What is frozen cannot end.
    frozen: Option<Frozen>,
    api: RuntimeApi,
    process: Running,
}

impl Lambda {
    /// Starts the runtime as the platform does, in a sandbox made with [`Sandbox::on_lambda`], with the function written with
    /// [`Sandbox::function`] as its task directory.
    pub fn start(sandbox: &Sandbox) -> Self {
        Self::start_with(sandbox, |launch| launch)
    }

    /// The same with a change to how it is started.
    pub fn start_with(sandbox: &Sandbox, change: impl FnOnce(Launch) -> Launch) -> Self {
        Self::new(RuntimeApi::start(), sandbox.enter(), change)
    }

    /// Starts the runtime on a machine that is nobody's sandbox, such as a container host that polls a Runtime API: with root's
    /// privileges, proot, runc and overlays.
    pub fn start_unconfined(sandbox: &Sandbox, change: impl FnOnce(Launch) -> Launch) -> Self {
        Self::start_on_instance(1, sandbox, change)
    }

    /// The same for an environment that is given several invocations `at_once`, as Managed Instances are. Whatever their
    /// sandbox denies, they are containers on an EC2 instance, of which a test may want all that such a container can have.
    pub fn start_on_instance(
        at_once: usize,
        sandbox: &Sandbox,
        change: impl FnOnce(Launch) -> Launch,
    ) -> Self {
        let launch = sandbox
            .launch()
            .env("LAMBDA_TASK_ROOT", sandbox.path("work"))
            .env("AWS_LAMBDA_FUNCTION_NAME", "test-function")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/test-function")
            .env(
                "AWS_LAMBDA_LOG_STREAM_NAME",
                "2026/03/01/[$LATEST]0123456789abcdef",
            );
        Self::new(RuntimeApi::start_for(at_once), launch, change)
    }

    /// Starts the runtime as [`Self::start_with`] does, for an environment that is given several invocations `at_once`.
    pub fn start_for(
        at_once: usize,
        sandbox: &Sandbox,
        change: impl FnOnce(Launch) -> Launch,
    ) -> Self {
        Self::new(RuntimeApi::start_for(at_once), sandbox.enter(), change)
    }

    fn new(api: RuntimeApi, launch: Launch, change: impl FnOnce(Launch) -> Launch) -> Self {
        let launch = launch
            .env("AWS_LAMBDA_RUNTIME_API", api.address())
            .within(PATIENCE);
        Self {
            frozen: None,
            process: change(launch).start(),
            api,
        }
    }

    /// Stops everything in the sandbox, as the platform does between two invocations.
    pub fn freeze(&mut self, by: FreezeBy) {
        self.frozen = Some(Frozen::freeze(self.process.namespace(), by));
    }

    /// Lets everything go on.
    pub fn thaw(&mut self) {
        self.frozen = None;
    }

    /// Every process that runs with the runtime, but for the platform's own.
    pub fn others(&self) -> Vec<Process> {
        self.process.others()
    }

    /// The processes of the sandbox it runs in.
    pub fn namespace(&self) -> &Namespace {
        self.process.namespace()
    }

    /// The emulated Runtime API.
    pub fn api(&self) -> &RuntimeApi {
        &self.api
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Running {
        &mut self.process
    }

    /// Invokes the function with half a minute to its deadline.
    pub fn invoke(&mut self, event: &Value) -> Answer {
        self.invoke_for(event, Duration::from_secs(30))
    }

    /// Invokes the function with `time` to its deadline.
    pub fn invoke_for(&mut self, event: &Value, time: Duration) -> Answer {
        let id = self.api.queue(event, time);
        self.wait_for_answer(&id)
    }

    /// Has an event ready for the function, with half a minute to its deadline; the name of the invocation.
    pub fn send(&self, event: &Value) -> String {
        self.api.queue(event, Duration::from_secs(30))
    }

    /// Invokes the function with all events before any is answered; their answers in the same order.
    pub fn invoke_all(&mut self, events: &[Value]) -> Vec<Answer> {
        let queue = |event| self.api.queue(event, Duration::from_mins(1));
        let ids: Vec<_> = events.iter().map(queue).collect();
        ids.iter().map(|id| self.wait_for_answer(id)).collect()
    }

    /// Waits for the answer to the invocation `id`, which was queued before.
    pub fn wait_for_answer(&mut self, id: &str) -> Answer {
        let step = Duration::from_millis(50);
        for _ in 0..PATIENCE.as_millis() / step.as_millis() {
            if let Some(reply) = self.api.reply(id, step) {
                return Answer(reply);
            }
            if !self.process.is_running() {
                self.process
                    .give_up("the runtime has ended without an answer");
            }
        }
        panic!("no answer after {PATIENCE:?}");
    }

    /// Ends an environment in which the runtime may not have come as far as to register as an extension.
    pub fn end(mut self) -> Finished {
        if self.process.is_running() {
            self.process.signal(Signal::SIGTERM);
        }
        self.process.wait()
    }

    /// Ends the environment as Lambda does, with SIGTERM.
    pub fn stop(self) -> Finished {
        assert!(
            self.api.has_extension(),
            "the platform would not send SIGTERM"
        );
        self.process.signal(Signal::SIGTERM);
        self.process.wait()
    }
}

/// The answer to one invocation.
#[derive(Debug)]
pub struct Answer(Reply);

impl Answer {
    /// The request it answers.
    pub fn request_id(&self) -> &str {
        &self.0.request_id
    }

    /// Its body as JSON, whatever its kind.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.0.body).expect("an answer is JSON")
    }

    /// The size of its body, in bytes.
    pub fn size(&self) -> usize {
        self.0.body.len()
    }

    /// The payload of a response; a function error fails the test.
    #[track_caller]
    pub fn payload(&self) -> Value {
        assert_eq!(
            self.0.kind,
            ReplyKind::Response,
            "a function error: {}",
            self.json()
        );
        self.json()
    }

    /// Status and log of a response.
    #[track_caller]
    pub fn status_and_log(&self) -> (u64, String) {
        let payload = self.payload();
        assert_eq!(payload["isBase64Encoded"], true);
        let body = STANDARD
            .decode(payload["body"].as_str().expect("body is text"))
            .expect("body is base64");
        (
            payload["statusCode"]
                .as_u64()
                .expect("statusCode is a number"),
            String::from_utf8_lossy(&body).into_owned(),
        )
    }

    /// Type and message of a function error; a response fails the test.
    #[track_caller]
    pub fn error(&self) -> (String, String) {
        let body = self.json();
        assert_eq!(self.0.kind, ReplyKind::Error, "no function error: {body}");
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        (text("errorType"), text("errorMessage"))
    }

    /// Fails unless it is a function error of this type; returns the message.
    #[track_caller]
    pub fn expect_error(&self, name: &str) -> String {
        let (error_type, message) = self.error();
        assert_eq!(error_type, name, "{message}");
        message
    }
}
