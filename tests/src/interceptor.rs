//! A server between a program and moto that sees every request and may answer some itself.

use std::fmt;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;

use crate::background::Background;
use crate::upstream::Upstream;

/// A request, as far as tests look at it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Operation of the JSON protocols.
    pub target: String,
    /// All headers, a line for each: `name: value`.
    pub headers: String,
    /// The body, as text.
    pub body: String,
}

impl Seen {
    /// Whether it changes something: by its method, or by the name of its operation.
    pub fn changes(&self) -> bool {
        const READING: [&str; 4] = ["Describe", "Get", "List", "Filter"];
        let operation = self.target.rsplit('.').next().unwrap_or_default();
        let action = self.body.strip_prefix("Action=").unwrap_or_default();
        let reads = |text: &str| READING.iter().any(|word| text.starts_with(word));
        let of_batch = self.path.starts_with("/v1/describe") || self.path.starts_with("/v1/list");
        !matches!(self.method.as_str(), "GET" | "HEAD")
            && !reads(operation)
            && !reads(action)
            && !of_batch
    }
}

/// An answer in place of moto's: status, code and message; without a code the message is the whole body, and so it is with
/// the code `FunctionError`, which is what a function that failed answers.
pub type Refused = (u16, &'static str, &'static str);

type Decide = dyn Fn(&Seen) -> Option<Refused> + Send + Sync;

struct Shared {
    upstream: Upstream,
    decide: Box<Decide>,
    seen: Mutex<Vec<Seen>>,
}

/// The server.
pub struct Interceptor {
    server: Background,
    shared: Arc<Shared>,
}

impl fmt::Debug for Interceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interceptor").finish_non_exhaustive()
    }
}

impl Interceptor {
    /// Starts in front of the server at `upstream`.
    pub fn start(
        upstream: &str,
        decide: impl Fn(&Seen) -> Option<Refused> + Send + Sync + 'static,
    ) -> Self {
        let shared = Arc::new(Shared {
            upstream: Upstream::new(upstream),
            decide: Box::new(decide),
            seen: Mutex::default(),
        });
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&shared));
        let server =
            Background::start(async move |listener| axum::serve(listener, router).await.unwrap());
        Self { server, shared }
    }

    /// What to set an endpoint to.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let target = head.headers.get("x-amz-target");
    let seen = Seen {
        method: head.method.to_string(),
        path: head.uri.to_string(),
        target: target.map_or_else(String::new, |value| value.to_str().unwrap().to_owned()),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())))
            .collect::<Vec<_>>()
            .concat(),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let refused = (shared.decide)(&seen);
    shared.seen.lock().unwrap().push(seen.clone());
    if let Some(refused) = refused {
        return refuse(&seen, refused);
    }
    let forwarded = shared.upstream.forward(head, body).await;
    forwarded.unwrap_or_else(|| refuse(&seen, (502, "InternalError", "moto does not answer")))
}

/// The refusal as the service would word it: JSON for Lambda and its kind, XML for S3, and XML in an envelope for the services of
/// the Query protocol.
fn refuse(seen: &Seen, (status, code, message): Refused) -> Response {
    let path = seen.path.as_str();
    let json = !seen.target.is_empty()
        || path.starts_with("/20")
        || path.starts_with("/v1/")
        || path.starts_with("/restapis");
    let of_function = code == "FunctionError";
    let text = if code.is_empty() || of_function {
        message.to_owned()
    } else if json {
        format!("{{\"__type\":\"{code}\",\"message\":\"{message}\"}}")
    } else {
        let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
        if seen.body.starts_with("Action=") {
            format!("<ErrorResponse>{error}<RequestId>r</RequestId></ErrorResponse>")
        } else {
            error
        }
    };
    Response::builder()
        .status(StatusCode::from_u16(status).unwrap())
        .header(
            if of_function {
                "x-amz-function-error"
            } else {
                "x-amzn-errortype"
            },
            code,
        )
        .body(Body::from(text))
        .unwrap()
}
