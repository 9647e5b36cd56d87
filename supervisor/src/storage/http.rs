//! HTTP/1.1 over TCP or TLS for every AWS client of the process.
//!
//! One small connector in place of the SDK's own: certificates are read when the first TLS connection is made and
//! never for a plain endpoint, a machine without any certificate store falls back to bundled roots, and a provider
//! with `verify: false` goes through the same code.

pub(crate) mod clients;

use std::path::PathBuf;
use std::time::Duration;

use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use http_body::Body;

use self::clients::Clients;
use super::tls;
use crate::config::TlsVerify;

/// Time to wait for the head of a response after the request is sent, as boto3's read timeout.
const RESPONSE_TIMEOUT: Duration = Duration::from_mins(1);
/// Slowest upload worth waiting for, in bytes per second: lengthens [`RESPONSE_TIMEOUT`] by the request's body.
const SLOWEST_UPLOAD: u64 = 64 * 1024;

/// An HTTP client for one storage provider. Nothing is opened or read before the first request.
pub(super) fn http_client(verify: TlsVerify, ca_bundle: Option<PathBuf>) -> SharedHttpClient {
    let connector = Connector(Clients::new(verify, ca_bundle));
    SharedHttpClient::new(Http(SharedHttpConnector::new(connector)))
}

#[derive(Debug)]
struct Http(SharedHttpConnector);

impl HttpClient for Http {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        self.0.clone()
    }
}

#[derive(Debug)]
struct Connector(Clients);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => {
                return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into())));
            }
        };
        let body_bytes = request.body().size_hint().lower();
        let limit = RESPONSE_TIMEOUT + Duration::from_secs(body_bytes / SLOWEST_UPLOAD);
        let response = match self.0.request(request) {
            Ok(response) => response,
            Err(reason) => {
                return HttpConnectorFuture::ready(Err(ConnectorError::user(reason.into())));
            }
        };
        HttpConnectorFuture::new(async move {
            match tokio::time::timeout(limit, response).await {
                Ok(Ok(response)) => HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                    .map_err(|error| ConnectorError::other(error.into(), None)),
                Ok(Err(error)) => Err(classify(error)),
                Err(_) => Err(ConnectorError::timeout(
                    format!("no answer within {} s", limit.as_secs()).into(),
                )),
            }
        })
    }
}

/// Before the response has begun every failure but a refused certificate may be gone at the next try.
fn classify(error: hyper_util::client::legacy::Error) -> ConnectorError {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(source) = next {
        if tls::is_refusal(source) {
            return ConnectorError::other(error.into(), None);
        }
        next = source.source();
    }
    ConnectorError::io(error.into())
}
