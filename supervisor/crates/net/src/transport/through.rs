//! Connections through a proxy, where there is one for the address: a tunnel (`CONNECT`) for `https`, and for `http` a
//! connection to the proxy, which is asked for the whole address (RFC 9110, section 9.3.6; RFC 9112, section 3.2.2).

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::PROXY_AUTHORIZATION;
use http::{Request, Uri};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector as TcpConnector};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::{Proxies, Proxy, UnusableProxy};

/// Time for a proxy to connect to whom it is asked for.
const TUNNEL_TIMEOUT: Duration = Duration::from_secs(15);

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Which proxy is for which address.
#[derive(Debug, Clone, Default)]
pub(super) struct Route(Option<Arc<ProxyTable>>);

#[derive(Debug, Default)]
struct ProxyTable {
    http: Option<ProxyRule>,
    https: Option<ProxyRule>,
}

/// One proxy, and which addresses are reached without.
#[derive(Debug)]
struct ProxyRule {
    matcher: Matcher,
    unusable: Option<UnusableProxy>,
}

impl ProxyRule {
    fn new(proxy: &Result<Proxy, UnusableProxy>, none_for: Option<&String>) -> Self {
        let (url, unusable) = match proxy {
            Ok(proxy) => (proxy.url().expose(), None),
            Err(unusable) => ("http://unusable.invalid/", Some(unusable.clone())),
        };
        let except = none_for.cloned().unwrap_or_default();
        Self {
            matcher: Matcher::builder().all(url.to_owned()).no(except).build(),
            unusable,
        }
    }
}

impl Route {
    pub(super) fn new(proxies: &Proxies) -> Self {
        let mut except = proxies.none_for.iter().flat_map(|hosts| hosts.split(','));
        // For the matcher, addresses are no names.
        let none = except.any(|host| host.trim() == "*");
        if none || (proxies.http.is_none() && proxies.https.is_none()) {
            return Self::default();
        }
        let way = |proxy: &Result<_, _>| ProxyRule::new(proxy, proxies.none_for.as_ref());
        Self(Some(Arc::new(ProxyTable {
            http: proxies.http.as_ref().map(way),
            https: proxies.https.as_ref().map(way),
        })))
    }

    /// The proxy for an address, where it is not reached without.
    fn proxy(&self, to: &Uri) -> Option<Result<Intercept, ProxyError>> {
        let ways = self.0.as_ref()?;
        let way = match to.scheme_str() {
            Some("https") => ways.https.as_ref()?,
            _ => ways.http.as_ref()?,
        };
        if is_near(to.host()?) {
            return None;
        }
        let proxy = way.matcher.intercept(to)?;
        Some(match &way.unusable {
            Some(unusable) => Err(ProxyError::Unusable(unusable.clone())),
            None => Ok(proxy),
        })
    }

    /// Lets a request into the proxy; those to an `https` address are let in with their tunnel.
    pub(super) fn authorize<B>(&self, request: &mut Request<B>) {
        if request.uri().scheme_str() != Some("https")
            && let Some(Ok(proxy)) = self.proxy(request.uri())
            && let Some(authorization) = proxy.basic_auth()
        {
            let headers = request.headers_mut();
            headers.insert(PROXY_AUTHORIZATION, authorization.clone());
        }
    }
}

/// This machine itself, and what answers it alone: the metadata services with its credentials (Amazon EC2 user guide,
/// "Instance metadata"; Amazon ECS and EKS have theirs among the same addresses).
fn is_near(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse();
    match address {
        Ok(IpAddr::V4(v4)) => v4.is_loopback() || v4.is_link_local(),
        Ok(IpAddr::V6(v6)) => v6.is_loopback() || v6.segments()[..2] == [0xfd00, 0xec2],
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

/// Why there is no connection through a proxy.
#[derive(Debug, Error)]
pub(super) enum ProxyError {
    /// It is not one that can be asked.
    #[error(transparent)]
    Unusable(UnusableProxy),
    /// It does not know us.
    #[error(
        "proxy {0} wants to know who asks (407): give it user and password as http://user:password@host:port"
    )]
    Login(String),
    /// It cannot be reached, or does not make the connection.
    #[error("proxy {place}")]
    Broken { place: String, source: Cause },
}

impl ProxyError {
    /// What no other try changes, if that is why a request was not sent.
    pub(super) fn lasting<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Self> {
        let found = error.downcast_ref::<Self>()?;
        match found {
            Self::Unusable(_) | Self::Login(_) => Some(found),
            Self::Broken { .. } => None,
        }
    }

    fn of(proxy: &Intercept, source: Cause) -> Self {
        let place = proxy.uri().authority().map(ToString::to_string);
        let place = place.unwrap_or_default();
        // The type of the error is not for others to see.
        if source.to_string().ends_with("proxy authorization required") {
            return Self::Login(place);
        }
        Self::Broken { place, source }
    }
}

/// Makes connections, directly or through a proxy.
#[derive(Debug, Clone)]
pub(super) struct ProxyConnector {
    pub(super) tcp: TcpConnector,
    pub(super) route: Route,
}

impl Service<Uri> for ProxyConnector {
    type Response = ProxyStream;
    type Error = Cause;
    type Future = Pin<Box<dyn Future<Output = Result<ProxyStream, Cause>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Cause>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let mut tcp = self.tcp.clone();
        let Some(proxy) = self.route.proxy(&to) else {
            let connecting = tcp.call(to);
            return Box::pin(async move { Ok(ProxyStream::direct(connecting.await?)) });
        };
        Box::pin(async move {
            let proxy = proxy?;
            let linked = through(&proxy, tcp, to).await;
            linked.map_err(|source| ProxyError::of(&proxy, source).into())
        })
    }
}

async fn through(proxy: &Intercept, mut tcp: TcpConnector, to: Uri) -> Result<ProxyStream, Cause> {
    let address = proxy.uri().clone();
    if to.scheme_str() != Some("https") {
        return Ok(ProxyStream {
            stream: tcp.call(address).await?,
            proxied: true,
        });
    }
    let mut tunnel = Tunnel::new(address, tcp);
    if let Some(authorization) = proxy.basic_auth() {
        tunnel = tunnel.with_auth(authorization.clone());
    }
    let made = tokio::time::timeout(TUNNEL_TIMEOUT, tunnel.call(to)).await;
    Ok(ProxyStream::direct(made??))
}

/// A connection.
#[derive(Debug)]
pub(super) struct ProxyStream {
    stream: TokioIo<TcpStream>,
    /// Whether it leads to a proxy that has to be told where requests go.
    proxied: bool,
}

impl ProxyStream {
    fn direct(stream: TokioIo<TcpStream>) -> Self {
        Self {
            stream,
            proxied: false,
        }
    }
}

impl Connection for ProxyStream {
    fn connected(&self) -> Connected {
        self.stream.connected().proxy(self.proxied)
    }
}

impl Read for ProxyStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for ProxyStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route() -> Route {
        let proxy = |url: &str| Some(Proxy::parse("all_proxy", url));
        Route::new(&Proxies {
            http: proxy("http://me:hush@proxy:3128"),
            https: proxy("proxy:3129"),
            none_for: Some("inside.example, 10.0.0.0/8".to_owned()),
        })
    }

    #[test]
    fn addresses_have_the_proxy_that_is_for_them() {
        let proxy = |to: &str| {
            let proxy = route().proxy(&to.parse().unwrap())?;
            Some(proxy.unwrap().uri().to_string())
        };
        let (http, https) = ("http://proxy:3128/", "http://proxy:3129/");
        for (to, expected) in [
            ("http://a.example/x", Some(http)),
            ("https://a.example/x", Some(https)),
            ("https://bucket.inside.example/x", None),
            ("https://10.1.2.3/x", None),
            ("https://11.1.2.3/x", Some(https)),
            ("http://127.0.0.1:5000/v2/", None),
            ("http://localhost:5000/v2/", None),
            ("http://[::1]:5000/v2/", None),
            ("http://169.254.169.254/latest", None),
            ("http://169.254.170.2/v2/credentials", None),
            ("http://[fd00:ec2::254]/latest", None),
        ] {
            assert_eq!(proxy(to).as_deref(), expected, "{to}");
        }
        let nowhere = Proxies {
            http: Some(Proxy::parse("http_proxy", "proxy:1")),
            none_for: Some("a.example, *".to_owned()),
            ..Proxies::default()
        };
        for proxies in [nowhere, Proxies::default()] {
            assert!(Route::new(&proxies).0.is_none());
        }
    }

    #[test]
    fn only_the_proxy_is_told_the_password() {
        let authorization = |to: &str| {
            let mut request = Request::get(to).body(()).unwrap();
            route().authorize(&mut request);
            request.headers().contains_key(PROXY_AUTHORIZATION)
        };
        assert!(authorization("http://a.example/x"));
        assert!(!authorization("http://127.0.0.1/x"));
        // That would go through the tunnel.
        assert!(!authorization("https://a.example/x"));
    }

    #[test]
    fn nothing_goes_past_a_proxy_that_cannot_be_used() {
        let route = Route::new(&Proxies {
            https: Some(Proxy::parse("HTTPS_PROXY", "socks5://proxy:1080")),
            none_for: Some("inside.example".to_owned()),
            ..Proxies::default()
        });
        let proxy = |to: &str| route.proxy(&to.parse().unwrap());
        let error = proxy("https://a.example").unwrap().unwrap_err();
        assert!(ProxyError::lasting(&error).is_some());
        assert!(proxy("https://inside.example").is_none());
        assert!(proxy("http://a.example").is_none());
    }
}
