//! Connections through a proxy, where there is one for the address: a tunnel (`CONNECT`) for `https`, and for `http` a
//! connection to the proxy, which is asked for the whole address (RFC 9110, section 9.3.6; RFC 9112, section 3.2.2).

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

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

use crate::config::Secret;
use crate::network::Proxies;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Which proxy is for which address.
#[derive(Debug, Clone, Default)]
pub(super) struct Route(Option<Arc<Matcher>>);

impl Route {
    pub(super) fn new(proxies: &Proxies) -> Self {
        let Proxies {
            http,
            https,
            all,
            none_for,
        } = proxies;
        if [http, https, all].iter().all(|proxy| proxy.is_none()) {
            return Self::default();
        }
        let url = |proxy: &Option<Secret>| {
            let url = proxy.as_ref().map(Secret::expose);
            url.unwrap_or_default().to_owned()
        };
        let matcher = Matcher::builder()
            .http(url(http))
            .https(url(https))
            .all(url(all))
            .no(none_for.clone().unwrap_or_default());
        Self(Some(Arc::new(matcher.build())))
    }

    fn proxy(&self, to: &Uri) -> Option<Intercept> {
        let matcher = self.0.as_ref()?;
        if is_near(to.host()?) {
            return None;
        }
        matcher.intercept(to)
    }

    /// Lets a request into the proxy; those to an `https` address are let in with their tunnel.
    pub(super) fn authorize<B>(&self, request: &mut Request<B>) {
        if request.uri().scheme_str() != Some("https")
            && let Some(proxy) = self.proxy(request.uri())
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
#[error("proxy {proxy}")]
struct ProxyError {
    /// Its address, without a password.
    proxy: Uri,
    source: Cause,
}

/// Makes connections, directly or through a proxy.
#[derive(Debug, Clone)]
pub(super) struct Through {
    pub(super) tcp: TcpConnector,
    pub(super) route: Route,
}

impl Service<Uri> for Through {
    type Response = Link;
    type Error = Cause;
    type Future = Pin<Box<dyn Future<Output = Result<Link, Cause>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Cause>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let mut tcp = self.tcp.clone();
        let Some(proxy) = self.route.proxy(&to) else {
            let connecting = tcp.call(to);
            return Box::pin(async move { Ok(Link::direct(connecting.await?)) });
        };
        Box::pin(async move {
            let linked = through(&proxy, tcp, to).await;
            linked.map_err(|source| {
                let proxy = proxy.uri().clone();
                ProxyError { proxy, source }.into()
            })
        })
    }
}

async fn through(proxy: &Intercept, mut tcp: TcpConnector, to: Uri) -> Result<Link, Cause> {
    let address = proxy.uri().clone();
    if address.scheme_str() != Some("http") {
        return Err("only proxies with an http:// address can be used".into());
    }
    if to.scheme_str() != Some("https") {
        return Ok(Link {
            stream: tcp.call(address).await?,
            proxied: true,
        });
    }
    let mut tunnel = Tunnel::new(address, tcp);
    if let Some(authorization) = proxy.basic_auth() {
        tunnel = tunnel.with_auth(authorization.clone());
    }
    Ok(Link::direct(tunnel.call(to).await?))
}

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    stream: TokioIo<TcpStream>,
    /// Whether it leads to a proxy that has to be told where requests go.
    proxied: bool,
}

impl Link {
    fn direct(stream: TokioIo<TcpStream>) -> Self {
        Self {
            stream,
            proxied: false,
        }
    }
}

impl Connection for Link {
    fn connected(&self) -> Connected {
        self.stream.connected().proxy(self.proxied)
    }
}

impl Read for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for Link {
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
        let secret = |text: &str| Some(Secret::new(text));
        Route::new(&Proxies {
            http: secret("proxy:3128"),
            https: secret("http://me:hush@proxy:3129"),
            all: None,
            none_for: Some("inside.example, 10.0.0.0/8".to_owned()),
        })
    }

    #[test]
    fn addresses_have_the_proxy_that_is_for_them() {
        let proxy = |to: &str| {
            let proxy = route().proxy(&to.parse().unwrap())?;
            Some(proxy.uri().to_string())
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
        assert!(Route::new(&Proxies::default()).0.is_none());
    }

    #[test]
    fn only_the_proxy_is_told_the_password() {
        let secret = |text: &str| Some(Secret::new(text));
        let route = Route::new(&Proxies {
            all: secret("http://me:hush@proxy:3128"),
            ..Proxies::default()
        });
        let authorization = |to: &str| {
            let mut request = Request::get(to).body(()).unwrap();
            route.authorize(&mut request);
            request.headers().contains_key(PROXY_AUTHORIZATION)
        };
        assert!(authorization("http://a.example/x"));
        assert!(!authorization("http://127.0.0.1/x"));
        // That would go through the tunnel.
        assert!(!authorization("https://a.example/x"));
        let plain = |to: &Uri| route.proxy(to).unwrap().uri().to_string();
        assert!(!plain(&Uri::from_static("http://a.example")).contains("hush"));
    }
}
