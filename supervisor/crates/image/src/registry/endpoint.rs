//! Where a registry answers.

use http::Uri;

use crate::{ImageError, reference::DOCKER_HUB};

/// Docker Hub's registry (its name in image names is not where it answers).
const HUB_URL: &str = "https://registry-1.docker.io";

/// A registry's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// `scheme://host[:port]`, without a slash at the end.
    pub(crate) base: String,
    /// The registry whose credentials count.
    pub(crate) credentials_of: String,
}

impl Endpoint {
    /// The address for `registry` of an image's name; `mirror` stands for Docker Hub.
    pub(crate) fn of(registry: &str, mirror: Option<&str>) -> Self {
        match (registry, mirror) {
            (DOCKER_HUB, Some(mirror)) => {
                let mirror = mirror.trim_end_matches('/');
                let base = match mirror.split_once("://") {
                    Some(_) => mirror.to_owned(),
                    None => with_scheme(mirror),
                };
                let host = base.split_once("://").map_or("", |(_, rest)| rest);
                let host = host.split('/').next().unwrap_or_default().to_owned();
                let hub = base == HUB_URL;
                Self {
                    credentials_of: if hub { DOCKER_HUB.to_owned() } else { host },
                    base,
                }
            }
            (DOCKER_HUB, None) => Self {
                base: HUB_URL.to_owned(),
                credentials_of: DOCKER_HUB.to_owned(),
            },
            (registry, _) => Self {
                base: with_scheme(registry),
                credentials_of: registry.to_owned(),
            },
        }
    }

    /// Whether requests go unencrypted, because somebody wants it so.
    fn is_plain(&self) -> bool {
        self.base.starts_with("http://")
    }

    /// Fails where `address`, which the registry has sent us to, is not encrypted though the registry is.
    pub(crate) fn check(&self, address: &Uri) -> Result<(), ImageError> {
        let host = address
            .authority()
            .map_or("", |authority| authority.as_str());
        // Not to a loopback address either: there, other services of this machine listen.
        if address.scheme_str() == Some("https") || self.is_plain() {
            return Ok(());
        }
        Err(ImageError::Plain {
            url: format!("http://{host}"),
        })
    }
}

/// Registries of this machine have no certificates.
fn with_scheme(host: &str) -> String {
    let scheme = if is_loopback(host) { "http" } else { "https" };
    format!("{scheme}://{host}")
}

fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => authority.split(':').next(),
    };
    let host = host.unwrap_or_default();
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_be_is_unencrypted() {
        let base = |registry: &str, mirror| Endpoint::of(registry, mirror).base;
        assert_eq!(base("docker.io", None), HUB_URL);
        assert_eq!(base("quay.io", Some("http://mirror/")), "https://quay.io");
        assert_eq!(
            base("docker.io", Some("http://mirror:1/")),
            "http://mirror:1"
        );
        assert_eq!(base("docker.io", Some("mirror")), "https://mirror");
        assert_eq!(base("127.0.0.1:5000", None), "http://127.0.0.1:5000");
        assert_eq!(base("[::1]:5000", None), "http://[::1]:5000");
        assert_eq!(
            base("localhost.example.com", None),
            "https://localhost.example.com"
        );
        let hub = Endpoint::of("docker.io", None);
        assert!(
            hub.check(&"http://cdn.example.com/x".parse().unwrap())
                .is_err()
        );
        assert!(
            hub.check(&"https://cdn.example.com/x".parse().unwrap())
                .is_ok()
        );
    }

    #[test]
    fn a_mirrors_credentials_are_its_own() {
        let of = |mirror| Endpoint::of("docker.io", mirror).credentials_of;
        assert_eq!(of(None), "docker.io");
        assert_eq!(of(Some("https://registry-1.docker.io")), "docker.io");
        assert_eq!(of(Some("http://mirror:5000/")), "mirror:5000");
    }
}
