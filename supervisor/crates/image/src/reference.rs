//! Names of images: `[host[:port]/]repository[:tag][@sha256:…]` (the `reference` grammar of the distribution project).

use std::fmt;

use super::{Digest, ImageError};

/// The registry of names without one.
pub const DOCKER_HUB: &str = "docker.io";
/// Longest repository name there may be, in bytes (OCI distribution specification).
const LONGEST: usize = 255;

/// An image's name, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// `host[:port]` of the registry, or [`DOCKER_HUB`].
    pub registry: String,
    /// Repository in it, with `library/` where Docker Hub wants it.
    pub repository: String,
    /// Tag or digest.
    pub version: Version,
}

/// Which image of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Version {
    /// The one that has the tag now.
    Tag(String),
    /// Always the same.
    Digest(Digest),
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => f.write_str(tag),
            Self::Digest(digest) => write!(f, "{digest}"),
        }
    }
}

impl Reference {
    /// Understands a name as Docker does: the part before the first slash is a host if it looks like one.
    ///
    /// # Errors
    /// [`ImageError::Reference`].
    pub fn parse(name: &str) -> Result<Self, ImageError> {
        let invalid = |reason| ImageError::Reference { reason };
        let (name, digest) = match name.split_once('@') {
            Some((name, digest)) => {
                let digest = digest.parse();
                (
                    name,
                    Some(digest.map_err(|_| {
                        invalid("the digest is not sha256:<64 hexadecimal digits>")
                    })?),
                )
            }
            None => (name, None),
        };
        let (path, tag) = match name.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
            _ => (name, None),
        };
        let (registry, repository) = match path.split_once('/') {
            Some((host, rest)) if is_host(host) => (host, rest),
            _ => (DOCKER_HUB, path),
        };
        let hub = matches!(
            registry,
            DOCKER_HUB | "index.docker.io" | "registry-1.docker.io"
        );
        let registry = if hub { DOCKER_HUB } else { registry };
        let repository = if hub && !repository.contains('/') {
            format!("library/{repository}")
        } else {
            repository.to_owned()
        };
        if repository.len() > LONGEST || !repository.split('/').all(is_component) {
            return Err(invalid(
                "a repository is made of lower-case letters, digits and . _ -",
            ));
        }
        if !registry.bytes().all(is_host_byte) {
            return Err(invalid("the registry is no host name"));
        }
        let version = match (digest, tag) {
            (Some(digest), _) => Version::Digest(digest),
            (None, Some(tag)) if is_tag(tag) => Version::Tag(tag.to_owned()),
            (None, Some(_)) => return Err(invalid("a tag is made of letters, digits and . _ -")),
            (None, None) => Version::Tag("latest".to_owned()),
        };
        Ok(Self {
            registry: registry.to_owned(),
            repository,
            version,
        })
    }
}

fn is_host(part: &str) -> bool {
    part.contains(['.', ':']) || part == "localhost"
}

fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']')
}

fn is_component(part: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let (first, last) = (part.bytes().next(), part.bytes().last());
    first.is_some_and(plain)
        && last.is_some_and(plain)
        && part
            .bytes()
            .all(|byte| plain(byte) || matches!(byte, b'.' | b'_' | b'-'))
}

fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= 128
        && tag.bytes().next().is_some_and(word)
        && tag
            .bytes()
            .all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_what_docker_takes_them_for() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for (name, registry, repository, version) in [
            ("busybox", "docker.io", "library/busybox", "latest"),
            ("a/b:1.2", "docker.io", "a/b", "1.2"),
            ("docker.io/busybox:x", "docker.io", "library/busybox", "x"),
            ("index.docker.io/a/b", "docker.io", "a/b", "latest"),
            ("localhost/a", "localhost", "a", "latest"),
            ("host:5000/a/b", "host:5000", "a/b", "latest"),
            ("127.0.0.1:5000/a:x", "127.0.0.1:5000", "a", "x"),
            ("quay.io/a/b/c-d__e", "quay.io", "a/b/c-d__e", "latest"),
            (
                &format!("ghcr.io/a/b:1@{digest}"),
                "ghcr.io",
                "a/b",
                &digest,
            ),
        ] {
            let found = Reference::parse(name).unwrap();
            let version_text = found.version.to_string();
            assert_eq!(
                (
                    found.registry.as_str(),
                    found.repository.as_str(),
                    version_text.as_str()
                ),
                (registry, repository, version),
                "{name}"
            );
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for name in [
            "",
            "A/b",
            "a/../b",
            "a//b",
            "a:",
            "a:b c",
            "a@sha256:1",
            "a.b/",
            "ho st.x/a",
            "/a",
        ] {
            assert!(Reference::parse(name).is_err(), "{name}");
        }
    }
}
