//! An S3 between the supervisor and moto that refuses some requests, as a network or a policy would.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::Response;

use crate::background::Background;
use crate::upstream::Upstream;

/// How a request is refused.
#[derive(Debug, Clone, Copy)]
pub enum Refusal {
    /// With 403 `AccessDenied`, before its body is read.
    Denied,
    /// With 503 `SlowDown`.
    SlowDown,
    /// With 403 after this many bytes of its body.
    Halfway(usize),
}

/// Which requests are refused, and how.
#[derive(Debug, Clone)]
pub struct Fault {
    /// The request's method.
    pub method: &'static str,
    /// What its path and query contain, as sent.
    pub path: &'static str,
    /// What becomes of it.
    pub refusal: Refusal,
    /// How many requests are refused before the fault is over.
    pub times: usize,
}

/// The faulty server; everything without a fault is moto's.
#[derive(Debug)]
pub struct FaultyS3 {
    server: Background,
    state: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    upstream: Upstream,
    faults: Mutex<Vec<Fault>>,
    requests: Mutex<Vec<String>>,
}

impl FaultyS3 {
    /// Starts in front of the server at `upstream`.
    pub fn start(upstream: &str, faults: Vec<Fault>) -> Self {
        let state = Arc::new(Shared {
            upstream: Upstream::new(upstream),
            faults: Mutex::new(faults),
            requests: Mutex::default(),
        });
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&state));
        let server =
            Background::start(async move |listener| axum::serve(listener, router).await.unwrap());
        Self { server, state }
    }

    /// What to set an endpoint to.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// What was asked for: method, path and query of each request.
    pub fn requests(&self) -> Vec<String> {
        self.state.requests.lock().unwrap().clone()
    }
}

impl Shared {
    /// The refusal this request meets, if any.
    fn refusal(&self, method: &Method, path: &str) -> Option<Refusal> {
        self.requests
            .lock()
            .unwrap()
            .push(format!("{method} {path}"));
        let mut faults = self.faults.lock().unwrap();
        let hit = |fault: &&mut Fault| {
            fault.times > 0 && fault.method == method.as_str() && path.contains(fault.path)
        };
        let fault = faults.iter_mut().find(hit)?;
        fault.times -= 1;
        Some(fault.refusal)
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let path = head.uri.to_string();
    match shared.refusal(&head.method, &path) {
        Some(Refusal::Denied) => return error(StatusCode::FORBIDDEN, "AccessDenied"),
        Some(Refusal::SlowDown) => return error(StatusCode::SERVICE_UNAVAILABLE, "SlowDown"),
        Some(Refusal::Halfway(bytes)) => {
            // Reads that much and fails there; what is left of the body makes the server close the connection.
            let _ = to_bytes(body, bytes).await;
            return error(StatusCode::FORBIDDEN, "AccessDenied");
        }
        None => {}
    }
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let forwarded = shared.upstream.forward(head, body).await;
    forwarded.unwrap_or_else(|| error(StatusCode::BAD_GATEWAY, "InternalError"))
}

fn error(status: StatusCode, code: &str) -> Response {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>refused by the test</Message></Error>"
    );
    Response::builder()
        .status(status)
        .header("content-type", "application/xml")
        .body(Body::from(text))
        .unwrap()
}
