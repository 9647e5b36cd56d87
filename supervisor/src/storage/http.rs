//! HTTP/1.1 over TCP or TLS for every AWS client of the process.
//!
//! One small connector in place of the SDK's own: certificates are read when the first TLS connection is made and
//! never for a plain endpoint, a machine without any certificate store falls back to bundled roots, and a provider
//! with `verify: false` goes through the same code.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
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
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector as TcpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::tls;
use crate::config::TlsVerify;

/// Time to establish a TCP connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time to wait for the head of a response after the request is sent, as boto3's read timeout.
const RESPONSE_TIMEOUT: Duration = Duration::from_mins(1);
/// Slowest upload worth waiting for, in bytes per second: lengthens [`RESPONSE_TIMEOUT`] by the request's body.
const SLOWEST_UPLOAD: u64 = 64 * 1024;
/// Idle time after which a connection is not used again; S3 closes them a little later.
const IDLE: Duration = Duration::from_secs(15);
/// Idle time after which the kernel asks whether the peer still lives.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// An HTTP client for one storage provider. Nothing is opened or read before the first request.
pub(super) fn http_client(verify: TlsVerify, ca_bundle: Option<PathBuf>) -> SharedHttpClient {
    let connector = Connector {
        plain: client(tcp()),
        secure: OnceLock::new(),
        verify,
        ca_bundle,
    };
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

type PlainClient = Client<TcpConnector, SdkBody>;
type SecureClient = Client<HttpsConnector<TcpConnector>, SdkBody>;

struct Connector {
    plain: PlainClient,
    secure: OnceLock<Result<SecureClient, String>>,
    verify: TlsVerify,
    ca_bundle: Option<PathBuf>,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("verify", &self.verify)
            .finish_non_exhaustive()
    }
}

impl Connector {
    fn secure(&self) -> Result<&SecureClient, ConnectorError> {
        self.secure
            .get_or_init(|| secure_client(self.verify, self.ca_bundle.as_deref()))
            .as_ref()
            .map_err(|reason| ConnectorError::user(reason.clone().into()))
    }
}

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
        let response = if request.uri().scheme_str() == Some("https") {
            match self.secure() {
                Ok(client) => client.request(request),
                Err(error) => return HttpConnectorFuture::ready(Err(error)),
            }
        } else {
            self.plain.request(request)
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

fn secure_client(verify: TlsVerify, bundle: Option<&Path>) -> Result<SecureClient, String> {
    let config = tls::client_config(verify, bundle)?;
    let mut tcp = tcp();
    tcp.enforce_http(false);
    let https = hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(config)
        .https_only()
        .enable_http1()
        .wrap_connector(tcp);
    Ok(client(https))
}

fn tcp() -> TcpConnector {
    let mut tcp = TcpConnector::new();
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    tcp.set_keepalive(Some(KEEPALIVE));
    tcp
}

fn client<C>(connector: C) -> Client<C, SdkBody>
where
    C: hyper_util::client::legacy::connect::Connect + Clone,
{
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .build(connector)
}
