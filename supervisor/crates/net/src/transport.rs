//! HTTP/1.1 over TCP or TLS for every store of the process.
//!
//! One small transport in place of the AWS SDK's own, shared by all adapters: certificates are read when the first TLS
//! connection is made and never for a plain endpoint, a machine without any certificate store falls back to bundled
//! roots, and a provider with `verify: false` goes through the same code.

pub mod sdk;
mod through;

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use aws_smithy_types::body::SdkBody;
use http::{Request, Response};
use http_body::Body;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector as TcpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use thiserror::Error;

use super::error::{RequestError, chain};
use super::tls;
use crate::Network;
use config::TlsVerify;
use through::{ProxyConnector, ProxyError, Route};

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

type PlainClient = Client<ProxyConnector, SdkBody>;
type SecureClient = Client<HttpsConnector<ProxyConnector>, SdkBody>;

/// Why a request has no answer.
#[derive(Debug, Error)]
pub enum SendError {
    /// It could not even be tried: a certificate bundle that cannot be read, a proxy that does not let us in.
    #[error("{0}")]
    Setup(String),
    /// The server's certificate is not accepted, which no retry changes.
    #[error("{}", chain(.0))]
    Untrusted(hyper_util::client::legacy::Error),
    /// The connection failed or broke; it may be gone at the next try.
    #[error("{}", chain(.0))]
    Broken(hyper_util::client::legacy::Error),
    /// The server took too long to begin its answer.
    #[error("no answer within {} s", .0.as_secs())]
    Late(Duration),
}

impl SendError {
    /// Whether another try ends the same.
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Setup(_) | Self::Untrusted(_) => true,
            Self::Broken(_) | Self::Late(_) => false,
        }
    }
}

impl From<SendError> for RequestError {
    fn from(error: SendError) -> Self {
        let how = if error.is_permanent() {
            Self::Permanent
        } else {
            Self::Transient
        };
        how(error.to_string())
    }
}

/// The connections of one storage provider. Nothing is opened or read before the first request.
pub struct Transport {
    plain: PlainClient,
    secure: OnceLock<Result<SecureClient, String>>,
    verify: TlsVerify,
    ca_bundle: Option<PathBuf>,
    route: Route,
    response_timeout: Duration,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("verify", &self.verify)
            .finish_non_exhaustive()
    }
}

impl Transport {
    /// Nothing is opened or read yet.
    pub fn new(verify: TlsVerify, network: &Network) -> Self {
        let route = Route::new(&network.proxies);
        Self {
            plain: client(ProxyConnector {
                tcp: tcp(),
                route: route.clone(),
            }),
            secure: OnceLock::new(),
            verify,
            ca_bundle: network.ca_bundle.clone(),
            route,
            response_timeout: RESPONSE_TIMEOUT,
        }
    }

    /// The same with another wait for the head of a response: one to a call that is answered when the work is done.
    #[must_use]
    pub fn answered_within(mut self, limit: Duration) -> Self {
        self.response_timeout = limit;
        self
    }

    fn secure(&self) -> Result<&SecureClient, SendError> {
        self.secure
            .get_or_init(|| self.secure_client())
            .as_ref()
            .map_err(|reason| SendError::Setup(reason.clone()))
    }

    fn secure_client(&self) -> Result<SecureClient, String> {
        let config = tls::client_config(self.verify, self.ca_bundle.as_deref())?;
        let mut tcp = tcp();
        tcp.enforce_http(false);
        let route = self.route.clone();
        let https = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_only()
            .enable_http1()
            .wrap_connector(ProxyConnector { tcp, route });
        Ok(client(https))
    }

    /// Sends one request, once, and waits for the head of the answer.
    pub fn send(
        &self,
        mut request: Request<SdkBody>,
    ) -> impl Future<Output = Result<Response<SdkBody>, SendError>> + Send + 'static {
        self.route.authorize(&mut request);
        let body_bytes = request.body().size_hint().lower();
        let limit = self.response_timeout + Duration::from_secs(body_bytes / SLOWEST_UPLOAD);
        let response = if request.uri().scheme_str() == Some("https") {
            self.secure().map(|client| client.request(request))
        } else {
            Ok(self.plain.request(request))
        };
        async move {
            match tokio::time::timeout(limit, response?).await {
                Ok(Ok(response)) => Ok(response.map(SdkBody::from_body_1_x)),
                Ok(Err(error)) => Err(classify(error)),
                Err(_) => Err(SendError::Late(limit)),
            }
        }
    }
}

/// Before the response has begun every failure may be gone at the next try, but for a refused certificate and what a proxy
/// does not do.
fn classify(error: hyper_util::client::legacy::Error) -> SendError {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(source) = next {
        if tls::is_refusal(source) {
            return SendError::Untrusted(error);
        }
        if let Some(refusal) = ProxyError::lasting(source) {
            return SendError::Setup(refusal.to_string());
        }
        next = source.source();
    }
    SendError::Broken(error)
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
        // Larger buffers come from the kernel and go back to it one by one with musl's allocator.
        .http1_max_buf_size(64 * 1024)
        .build(connector)
}
