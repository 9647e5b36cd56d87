//! The address of a server that keeps files below URLs.

use std::fmt;

use http::Uri;
use http::uri::Scheme;

/// What a server's address must look like, for messages.
pub(super) const EXPECTED_SERVER: &str =
    "a host, optionally with http:// or https:// before it and a port and a path after it";

/// `http://` or `https://`, a host, and the path that all others are below; without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl(String);

impl ServerUrl {
    /// Reads an address. Without a scheme it is `https://`. `None` for anything else than a host with a path: another
    /// scheme, credentials, a query, a character that must be percent-encoded.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text
            .trim()
            .split_once("://")
            .unwrap_or(("https", text.trim()));
        let url = format!("{scheme}://{}", rest.trim_end_matches('/'));
        let uri: Uri = url.parse().ok()?;
        let known = [Some(&Scheme::HTTP), Some(&Scheme::HTTPS)].contains(&uri.scheme());
        let bare = uri.query().is_none() && !url.contains(['@', '#']) && url.is_ascii();
        let named = uri.host().is_some_and(|host| !host.is_empty());
        let after_host = uri.authority()?.as_str().strip_prefix(uri.host()?)?;
        let port = match after_host.strip_prefix(':') {
            Some(port) => port.parse().is_ok_and(|port: u16| port > 0),
            None => after_host.is_empty(),
        };
        let folders = !uri.path().contains("//") && !uri.path().split('/').any(is_relative);
        (known && bare && named && port && folders).then_some(Self(url))
    }

    /// The address as text, without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_relative(part: &str) -> bool {
    matches!(part, "." | "..")
}
