//! One HTTP/1.1 client for plain endpoints and one for TLS.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use aws_sdk_s3::primitives::SdkBody;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector as TcpConnector;
use hyper_util::client::legacy::{Client, ResponseFuture};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::config::TlsVerify;
use crate::storage::tls;

/// Time to establish a TCP connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Idle time after which a connection is not used again; S3 closes them a little later.
const IDLE: Duration = Duration::from_secs(15);
/// Idle time after which the kernel asks whether the peer still lives.
const KEEPALIVE: Duration = Duration::from_secs(30);

type PlainClient = Client<TcpConnector, SdkBody>;
type SecureClient = Client<HttpsConnector<TcpConnector>, SdkBody>;

/// Both clients. Nothing is opened or read before the first request.
pub(crate) struct Clients {
    plain: PlainClient,
    secure: OnceLock<Result<SecureClient, String>>,
    verify: TlsVerify,
    ca_bundle: Option<PathBuf>,
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients")
            .field("verify", &self.verify)
            .finish_non_exhaustive()
    }
}

impl Clients {
    /// `ca_bundle` is a PEM file of further authorities.
    pub(crate) fn new(verify: TlsVerify, ca_bundle: Option<PathBuf>) -> Self {
        Self {
            plain: client(tcp()),
            secure: OnceLock::new(),
            verify,
            ca_bundle,
        }
    }

    /// Sends a request through the client that its address calls for.
    ///
    /// # Errors
    /// Why TLS cannot be had.
    pub(crate) fn request(
        &self,
        request: http::Request<SdkBody>,
    ) -> Result<ResponseFuture, String> {
        if request.uri().scheme_str() != Some("https") {
            return Ok(self.plain.request(request));
        }
        let secure = self
            .secure
            .get_or_init(|| secure_client(self.verify, self.ca_bundle.as_deref()));
        match secure {
            Ok(client) => Ok(client.request(request)),
            Err(reason) => Err(reason.clone()),
        }
    }
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
        // Larger buffers come from the kernel and go back to it one by one with musl's allocator.
        .http1_max_buf_size(64 * 1024)
        .build(connector)
}
