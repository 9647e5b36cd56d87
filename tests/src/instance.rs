//! The metadata service of an EC2 instance, as far as the region goes, and an S3 that only notes who asks.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, put};

use crate::background::Background;

/// Both services at one address. Every S3 request is answered with 404.
#[derive(Debug)]
pub struct Instance {
    server: Background,
    authorizations: Arc<Mutex<Vec<String>>>,
}

impl Instance {
    /// An instance in `region`.
    pub fn start(region: &'static str) -> Self {
        let authorizations = Arc::new(Mutex::new(Vec::new()));
        let router = Router::new()
            .route("/latest/api/token", put(async || token()))
            .route(
                "/latest/meta-data/placement/region",
                get(async move || region),
            )
            .fallback(note)
            .with_state(Arc::clone(&authorizations));
        let server =
            Background::start(async move |listener| axum::serve(listener, router).await.unwrap());
        Self {
            server,
            authorizations,
        }
    }

    /// Its address, for either service.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The `Authorization` header of each S3 request.
    pub fn authorizations(&self) -> Vec<String> {
        self.authorizations.lock().unwrap().clone()
    }
}

/// A session's token (version 2 of the service).
fn token() -> Response {
    let lifetime = [("x-aws-ec2-metadata-token-ttl-seconds", "21600")];
    (lifetime, "token").into_response()
}

async fn note(
    State(authorizations): State<Arc<Mutex<Vec<String>>>>,
    request: Request,
) -> StatusCode {
    let header = request.headers().get("authorization");
    let text = header
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    authorizations.lock().unwrap().push(text.to_owned());
    StatusCode::NOT_FOUND
}
