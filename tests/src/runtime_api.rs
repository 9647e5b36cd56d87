//! An emulator of the Lambda Runtime API, strict about what a runtime may do.
//!
//! Protocol: the Runtime API as in the Lambda developer guide, version 2018-06-01, and of the Extensions API of 2020-01-01
//! the two calls that a runtime's internal extension makes.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::Value;
use tokio::sync::Notify;

use crate::background::Background;
use crate::wall_clock::WallClock;

/// Largest payload the real service takes, in bytes.
const PAYLOAD_LIMIT: usize = 6 * 1024 * 1024;

/// Which call an invocation was answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyKind {
    /// `…/response`
    Response,
    /// `…/error`
    Error,
}

/// What the runtime said to one invocation.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Which invocation.
    pub request_id: String,
    /// Response or error.
    pub kind: ReplyKind,
    /// The call's body.
    pub body: Vec<u8>,
}

/// The emulator; dropping it ends the server.
#[derive(Debug)]
pub struct RuntimeApi {
    server: Background,
    state: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    inner: Mutex<Inner>,
    /// Wakes a `/next` that waits for an event.
    queued: Notify,
    /// Wakes a test that waits for something the runtime does.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    queue: VecDeque<Invocation>,
    pending: Vec<String>,
    replies: Vec<Reply>,
    init_error: Option<Vec<u8>>,
    /// How many invocations may go on at once.
    at_once: usize,
    extensions: usize,
    polls: usize,
    count: usize,
    clock: Option<WallClock>,
}

#[derive(Debug)]
struct Invocation {
    request_id: String,
    deadline: SystemTime,
    payload: Vec<u8>,
}

impl RuntimeApi {
    /// Starts an emulator with an empty queue.
    pub fn start() -> Self {
        Self::start_for(1)
    }

    /// The same for a runtime that may have several invocations `at_once`, as on Managed Instances.
    pub fn start_for(at_once: usize) -> Self {
        let state = Arc::new(Shared::default());
        state.inner.lock().unwrap().at_once = at_once;
        let invocation = "/2018-06-01/runtime/invocation";
        let router = Router::new()
            .route(&format!("{invocation}/next"), get(next))
            .route(&format!("{invocation}/{{id}}/response"), post(response))
            .route(&format!("{invocation}/{{id}}/error"), post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .route("/2020-01-01/extension/register", post(register))
            .route("/2020-01-01/extension/event/next", get(extension_next))
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&state));
        let server =
            Background::start(async move |listener| axum::serve(listener, router).await.unwrap());
        Self { server, state }
    }

    /// What to set `AWS_LAMBDA_RUNTIME_API` to.
    pub fn address(&self) -> String {
        self.server.address.to_string()
    }

    /// Gives deadlines by another clock than this machine's from now on.
    pub fn keep_time_by(&self, clock: &WallClock) {
        self.state.inner.lock().unwrap().clock = Some(clock.clone());
    }

    /// Queues an event whose invocation may take `time`; returns its request id.
    pub fn queue(&self, payload: &Value, time: Duration) -> String {
        let mut inner = self.state.inner.lock().unwrap();
        inner.count += 1;
        let now = inner
            .clock
            .as_ref()
            .map_or_else(SystemTime::now, WallClock::now);
        let request_id = format!("8476a536-e9f4-11e8-9739-{:012}", inner.count);
        let invocation = Invocation {
            request_id: request_id.clone(),
            deadline: now + time,
            payload: payload.to_string().into(),
        };
        inner.queue.push_back(invocation);
        drop(inner);
        self.state.queued.notify_one();
        request_id
    }

    /// The reply to an invocation, once it is there.
    pub fn reply(&self, request_id: &str, patience: Duration) -> Option<Reply> {
        self.wait(patience, |inner| {
            inner
                .replies
                .iter()
                .find(|reply| reply.request_id == request_id)
                .cloned()
        })
    }

    /// Waits for the runtime to have asked for an event `polls` times in all.
    pub fn polled(&self, polls: usize, patience: Duration) -> bool {
        self.wait(patience, |inner| (inner.polls >= polls).then_some(()))
            .is_some()
    }

    /// The body of the `init/error` call, if there was one within this time.
    pub fn init_error(&self, patience: Duration) -> Option<Vec<u8>> {
        self.wait(patience, |inner| inner.init_error.clone())
    }

    /// Whether an extension has registered: without one the platform ends an environment without SIGTERM.
    pub fn has_extension(&self) -> bool {
        self.state.inner.lock().unwrap().extensions > 0
    }

    fn wait<T>(&self, patience: Duration, mut look: impl FnMut(&Inner) -> Option<T>) -> Option<T> {
        let start = Instant::now();
        let mut inner = self.state.inner.lock().unwrap();
        loop {
            if let Some(found) = look(&inner) {
                return Some(found);
            }
            let left = patience.checked_sub(start.elapsed())?;
            inner = self.state.changed.wait_timeout(inner, left).unwrap().0;
        }
    }
}

async fn next(State(shared): State<Arc<Shared>>) -> Response {
    {
        let mut inner = shared.inner.lock().unwrap();
        assert!(
            inner.pending.len() < inner.at_once,
            "the runtime asks for an event while {:?} is unanswered",
            inner.pending
        );
        inner.polls += 1;
        shared.changed.notify_all();
    }
    let invocation = loop {
        let queued = shared.queued.notified();
        if let Some(invocation) = shared.inner.lock().unwrap().queue.pop_front() {
            break invocation;
        }
        queued.await;
    };
    shared
        .inner
        .lock()
        .unwrap()
        .pending
        .push(invocation.request_id.clone());
    let deadline = invocation
        .deadline
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_millis();
    Response::builder()
        .header("Content-Type", "application/json")
        .header("Lambda-Runtime-Aws-Request-Id", invocation.request_id)
        .header("Lambda-Runtime-Deadline-Ms", deadline.to_string())
        .header(
            "Lambda-Runtime-Invoked-Function-Arn",
            "arn:aws:lambda:us-east-1:123456789012:function:test-function",
        )
        .header(
            "Lambda-Runtime-Trace-Id",
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1",
        )
        .body(Body::from(invocation.payload))
        .unwrap()
}

async fn response(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    body: Bytes,
) -> StatusCode {
    if body.len() > PAYLOAD_LIMIT {
        return StatusCode::PAYLOAD_TOO_LARGE;
    }
    shared.answer(Reply {
        request_id: id,
        kind: ReplyKind::Response,
        body: body.to_vec(),
    })
}

async fn error(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    body: Bytes,
) -> StatusCode {
    shared.answer(Reply {
        request_id: id,
        kind: ReplyKind::Error,
        body: body.to_vec(),
    })
}

async fn init_error(State(shared): State<Arc<Shared>>, body: Bytes) -> StatusCode {
    shared.inner.lock().unwrap().init_error = Some(body.to_vec());
    shared.changed.notify_all();
    StatusCode::ACCEPTED
}

async fn register(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let wanted: Value = serde_json::from_slice(&body).expect("a registration is JSON");
    assert!(wanted["events"].as_array().is_some_and(Vec::is_empty));
    let mut inner = shared.inner.lock().unwrap();
    assert_eq!(inner.polls, 0, "registered after the initialisation phase");
    inner.extensions += 1;
    let body =
        r#"{"functionName":"test-function","functionVersion":"$LATEST","handler":"handler"}"#;
    Response::builder()
        .header("Lambda-Extension-Identifier", "test-extension")
        .body(Body::from(body))
        .unwrap()
}

/// An internal extension waits here for as long as the environment lives.
async fn extension_next() -> StatusCode {
    std::future::pending().await
}

impl Shared {
    fn answer(&self, reply: Reply) -> StatusCode {
        let mut inner = self.inner.lock().unwrap();
        let Some(index) = inner.pending.iter().position(|id| *id == reply.request_id) else {
            return StatusCode::BAD_REQUEST;
        };
        inner.pending.remove(index);
        inner.replies.push(reply);
        self.changed.notify_all();
        StatusCode::ACCEPTED
    }
}
