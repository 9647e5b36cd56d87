//! A proxy's address, which may come with a password.

use http::Uri;
use http::uri::Authority;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use thiserror::Error;

use config::Secret;

/// What may be in a password as it is and means something else in a URL (RFC 3986, section 3.2.1). What is written as `%40`
/// is that already.
const MISPLACED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'@')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A proxy that speaks HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    place: String,
    url: Secret,
}

/// A variable that names no proxy that can be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{variable} {reason}; set it to http://[user:password@]host:port, or name the hosts to be reached without in NO_PROXY"
)]
pub struct UnusableProxy {
    variable: &'static str,
    reason: String,
}

impl Proxy {
    /// From the value of an environment variable: `[http://][user[:password]@]host[:port]`.
    ///
    /// # Errors
    /// [`UnusableProxy`] for another protocol, and for what is no address. It does not tell the password.
    pub fn parse(variable: &'static str, url: &str) -> Result<Self, UnusableProxy> {
        let unusable = |reason: String| UnusableProxy { variable, reason };
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        if !scheme.eq_ignore_ascii_case("http") {
            let known = ["https", "socks4", "socks4a", "socks5", "socks5h"];
            let scheme = known
                .iter()
                .find(|known| scheme.eq_ignore_ascii_case(known));
            return Err(unusable(match scheme {
                Some(scheme) => format!("names a proxy that speaks {scheme}, not http"),
                None => "names a proxy of an unknown kind".to_owned(),
            }));
        }
        // A password may hold an @, a host may not.
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, rest),
        };
        let place = place.split(['/', '?', '#']).next().unwrap_or_default();
        let login = login.filter(|login| !login.is_empty());
        let url = format!("http://{}{place}/", login.map(encoded).unwrap_or_default());
        // Whoever cannot read it later goes without.
        if !is_place(place) || url.parse::<Uri>().is_err() {
            return Err(unusable("is not the address of a proxy".to_owned()));
        }
        Ok(Self {
            place: place.to_owned(),
            url: Secret::new(url),
        })
    }

    /// Where it is: `host` or `host:port`.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// All of its address, with what lets us in.
    pub fn url(&self) -> &Secret {
        &self.url
    }
}

/// User and password, with what separates them from the place.
fn encoded(login: &str) -> String {
    let encoded = |text| utf8_percent_encode(text, MISPLACED).to_string();
    match login.split_once(':') {
        Some((user, password)) => {
            format!(
                "{}:{}@",
                encoded(user),
                encoded(password).replace(':', "%3A")
            )
        }
        None => format!("{}@", encoded(login)),
    }
}

/// `host` or `host:port`.
fn is_place(text: &str) -> bool {
    let Ok(authority) = text.parse::<Authority>() else {
        return false;
    };
    let host = authority.host();
    let after = text.strip_prefix(host).unwrap_or(text);
    let port = after.starts_with(':') && authority.port_u16().is_some();
    !host.is_empty() && (after.is_empty() || port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        for (url, place, whole) in [
            ("proxy:3128", "proxy:3128", "http://proxy:3128/"),
            ("proxy:3128/", "proxy:3128", "http://proxy:3128/"),
            ("HTTP://proxy", "proxy", "http://proxy/"),
            ("http://[::1]:8080", "[::1]:8080", "http://[::1]:8080/"),
            (
                "http://me:p@ss@proxy:1/",
                "proxy:1",
                "http://me:p%40ss@proxy:1/",
            ),
            (
                "http://me:pa/s s@proxy:1",
                "proxy:1",
                "http://me:pa%2Fs%20s@proxy:1/",
            ),
            ("@proxy:1", "proxy:1", "http://proxy:1/"),
            ("me@proxy:1", "proxy:1", "http://me@proxy:1/"),
            (
                "me:1:2:3:4:5:6:7:8:9@proxy:1",
                "proxy:1",
                "http://me:1%3A2%3A3%3A4%3A5%3A6%3A7%3A8%3A9@proxy:1/",
            ),
            (
                "me:p%40ss^é@proxy:1",
                "proxy:1",
                "http://me:p%40ss%5E%C3%A9@proxy:1/",
            ),
        ] {
            let proxy = Proxy::parse("http_proxy", url).unwrap();
            assert_eq!((proxy.place(), proxy.url().expose()), (place, whole));
        }
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_its_password() {
        for (url, says) in [
            ("socks5h://me:hush@proxy:1", "speaks socks5h, not http"),
            ("https://me:hush@proxy", "speaks https"),
            ("hush://proxy", "of an unknown kind"),
            ("http://me:hush@", "not the address"),
            ("http://me:hush@pro xy:1", "not the address"),
            ("http://me:hush@proxy:x", "not the address"),
            ("http://me:hush@proxy:70000", "not the address"),
            ("http://me:hush@:3128", "not the address"),
            ("http://me:hush@[::1]x:80", "not the address"),
        ] {
            let error = Proxy::parse("HTTPS_PROXY", url).unwrap_err().to_string();
            assert!(
                error.starts_with("HTTPS_PROXY ") && error.contains(says),
                "{url}: {error}"
            );
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
