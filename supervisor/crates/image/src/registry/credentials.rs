//! Users and passwords that `docker login` and `udocker login` have written down.
//!
//! Docker: `auths` in `config.json`, each registry with `auth`, the base64 of `user:password`; for Docker Hub the key is
//! `https://index.docker.io/v1/`. udocker (1.3.17): the file `keystore`, the same without `auths` around it, with the
//! registry's address as key. Passwords that docker leaves to a credential helper are out of reach.

use std::path::{Path, PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::{
    error::{Source, Tried},
    reference::DOCKER_HUB,
};

/// Where credentials are looked for.
#[derive(Debug, Clone, Default)]
pub struct CredentialFiles {
    /// Docker's `config.json`.
    pub docker: Option<PathBuf>,
    /// udocker's `keystore`.
    pub udocker: Option<PathBuf>,
}

/// User and password, as a header has them: base64 of `user:password`.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) basic: String,
    pub(crate) source: Source,
}

/// The password stays out of logs.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Credentials").field(&self.source).finish()
    }
}

/// What a refused request was made with.
pub(crate) fn tried(credentials: Option<&Credentials>) -> Tried {
    credentials.map_or(Tried::Nothing, |credentials| {
        Tried::Credentials(credentials.source)
    })
}

impl CredentialFiles {
    /// The credentials for a registry (`host[:port]`, or [`DOCKER_HUB`]).
    pub(crate) fn find(&self, registry: &str) -> Option<Credentials> {
        let docker = self.docker.as_deref().and_then(read);
        let docker = docker.and_then(|config| look_up(&config["auths"], registry));
        let udocker = || look_up(&self.udocker.as_deref().and_then(read)?, registry);
        let found = docker
            .map(|basic| (basic, Source::DockerConfig))
            .or_else(|| Some((udocker()?, Source::UdockerKeystore)));
        found.map(|(basic, source)| Credentials { basic, source })
    }
}

fn read(path: &Path) -> Option<Value> {
    let bytes = std::fs::read(path).ok()?;
    serde_json::from_slice(&bytes)
        .inspect_err(
            |error| tracing::warn!(path = %path.display(), %error, "credentials cannot be read"),
        )
        .ok()
}

fn look_up(entries: &Value, registry: &str) -> Option<String> {
    let entries = entries.as_object()?;
    let (_, entry) = entries.iter().find(|(key, _)| host_of(key) == registry)?;
    if let Some(auth) = entry["auth"].as_str().filter(|auth| !auth.is_empty()) {
        // Written by hand, it may be broken over lines; a header may not.
        return Some(auth.split_whitespace().collect());
    }
    let (user, password) = (entry["username"].as_str()?, entry["password"].as_str()?);
    Some(STANDARD.encode(format!("{user}:{password}")))
}

/// The registry that a key is about: keys may be addresses with a path.
fn host_of(key: &str) -> &str {
    let host = key.split_once("://").map_or(key, |(_, rest)| rest);
    match host.split('/').next().unwrap_or_default() {
        "index.docker.io" | "registry-1.docker.io" => DOCKER_HUB,
        host => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_registry_has_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            Some(path)
        };
        let files = CredentialFiles {
            docker: write(
                "config.json",
                r#"{"auths": {"https://index.docker.io/v1/": {"auth": "aHVi"},
                "host:5000": {"username": "a", "password": "b"}, "empty.io": {}}}"#,
            ),
            udocker: write("keystore", r#"{"https://quay.io": {"auth": "cXVheQ=="}}"#),
        };
        let basic = |registry: &str| files.find(registry).map(|found| found.basic);
        assert_eq!(basic("docker.io").as_deref(), Some("aHVi"));
        assert_eq!(basic("host:5000").as_deref(), Some("YTpi"));
        assert_eq!(basic("quay.io").as_deref(), Some("cXVheQ=="));
        assert_eq!(basic("host"), None);
        assert_eq!(basic("empty.io"), None);
        assert!(!format!("{:?}", files.find("quay.io")).contains("cXVh"));
    }
}
