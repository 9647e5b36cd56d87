//! Calls to the platform beside invocations: reports a failed initialisation, and asks for SIGTERM at the end.

use anyhow::Context as _;
use lambda_runtime_api_client::{PooledClient, body::Body, build_request};
use serde_json::json;

use crate::response::FailureName;
use environment::{self as names, Environment};

/// Name of the internal extension; it must be no other's in the function.
const EXTENSION: &str = "faas-supervisor";

/// The Runtime API of an execution environment.
pub(super) struct PlatformApi(PooledClient);

impl PlatformApi {
    /// Connects to nothing yet.
    pub(super) fn new(environment: &Environment) -> anyhow::Result<Self> {
        let address = environment
            .get(names::AWS_LAMBDA_RUNTIME_API)
            .unwrap_or_default();
        let endpoint = address.parse().with_context(|| {
            format!("AWS_LAMBDA_RUNTIME_API: found {address:?}, expected host:port")
        })?;
        Ok(Self(
            PooledClient::builder().with_endpoint(endpoint).build(),
        ))
    }

    /// Reports why the initialisation failed (Lambda Runtime API 2018-06-01, "Initialization error"), for the caller of the
    /// function. Returns whether the platform accepted the report.
    pub(super) async fn report_init_error(&self, name: FailureName, message: &str) -> bool {
        let error_type = name.as_str();
        let body = json!({ "errorType": error_type, "errorMessage": message, "stackTrace": [] });
        let request = build_request()
            .method("POST")
            .uri("/2018-06-01/runtime/init/error")
            .header("Lambda-Runtime-Function-Error-Type", error_type)
            .body(Body::from(body.to_string()));
        let Ok(request) = request else { return false };
        match self.0.call(request).await {
            Ok(answer) => answer.status().is_success(),
            Err(error) => {
                tracing::warn!("the failed initialisation cannot be reported: {error}");
                false
            }
        }
    }

    /// Registers an internal extension that waits for nothing. Only where there is an extension does the platform send
    /// SIGTERM before it ends an environment (AWS samples, "Graceful shutdown with AWS Lambda"); it must be registered
    /// before the first poll, which ends the initialisation phase (Lambda Extensions API 2020-01-01).
    ///
    /// Emulators without extensions are served all the same.
    pub(super) async fn ask_for_shutdown_signal(&self) {
        let Some(identifier) = self.register().await else {
            tracing::debug!("no extensions here: the end may come without SIGTERM");
            return;
        };
        let request = build_request()
            .method("GET")
            .uri("/2020-01-01/extension/event/next")
            .header("Lambda-Extension-Identifier", identifier)
            .body(Body::empty());
        if let Ok(request) = request {
            // Asked once: without events to wait for the answer never comes.
            tokio::spawn(self.0.call(request));
        }
    }

    async fn register(&self) -> Option<String> {
        let request = build_request()
            .method("POST")
            .uri("/2020-01-01/extension/register")
            .header("Lambda-Extension-Name", EXTENSION)
            .body(Body::from(json!({ "events": [] }).to_string()))
            .ok()?;
        let answer = self.0.call(request).await.ok()?;
        let identifier = answer.headers().get("Lambda-Extension-Identifier")?;
        let identifier = identifier.to_str().ok()?.to_owned();
        answer.status().is_success().then_some(identifier)
    }
}
