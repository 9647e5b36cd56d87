//! The storage providers: `storage_providers.<kind>.<id>`. Values below are secret unless shown again.

use std::collections::BTreeMap;

use super::choices::TlsVerify;
use super::error::ConfigError;
use super::provider::{
    OnedataProvider, ProviderId, ProviderKind, ProviderSettings, S3Provider, Secret, WebdavProvider,
};
use super::reader::Node;
use super::server::{EXPECTED_SERVER, ServerUrl};
use crate::location::Bucket;

/// The configured providers by name.
pub(super) type Providers = BTreeMap<ProviderId, ProviderSettings>;

/// The kinds that have entries, as their sections are named.
const KINDS: [(&str, ProviderKind); 4] = [
    ("s3", ProviderKind::S3),
    ("minio", ProviderKind::Minio),
    ("webdav", ProviderKind::Webdav),
    ("onedata", ProviderKind::Onedata),
];

/// Reads `storage_providers` of every place that may have it; a later place wins over an earlier one.
pub(super) fn read(places: &[&Node<'_>]) -> Result<Providers, ConfigError> {
    let mut providers = Providers::new();
    for place in places {
        let Some(section) = place.get("storage_providers")? else {
            continue;
        };
        section.note_unknown(&KINDS.map(|(name, _)| name));
        for (name, kind) in KINDS {
            let Some(kind_section) = section.get(name)? else {
                continue;
            };
            for (id, node) in kind_section.hidden().entries()? {
                providers.insert(ProviderId::new(kind, id), provider(kind, &node)?);
            }
        }
    }
    Ok(providers)
}

fn provider(kind: ProviderKind, node: &Node<'_>) -> Result<ProviderSettings, ConfigError> {
    match kind {
        ProviderKind::Webdav => webdav(node).map(ProviderSettings::Webdav),
        ProviderKind::Onedata => onedata(node).map(ProviderSettings::Onedata),
        ProviderKind::S3 | ProviderKind::Minio | ProviderKind::Local => {
            s3(kind, node).map(ProviderSettings::S3)
        }
    }
}

fn s3(kind: ProviderKind, node: &Node<'_>) -> Result<S3Provider, ConfigError> {
    node.note_unknown(&[
        "access_key",
        "secret_key",
        "session_token",
        "region",
        "endpoint",
        "verify",
    ]);
    let secret = |key| -> Result<Option<Secret>, ConfigError> {
        Ok(node.optional_text(key)?.map(Secret::new))
    };
    let provider = S3Provider {
        access_key: secret("access_key")?,
        secret_key: secret("secret_key")?,
        session_token: secret("session_token")?,
        region: node.optional_text("region")?,
        endpoint: endpoint(node)?,
        tls: verify(node)?,
    };
    match (&provider.access_key, &provider.secret_key) {
        (Some(_), None) => {
            return Err(missing(
                node,
                "secret_key",
                "the secret that belongs to access_key",
            ));
        }
        (None, Some(_)) => {
            return Err(missing(
                node,
                "access_key",
                "the key id that belongs to secret_key",
            ));
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
    if kind == ProviderKind::Minio && provider.endpoint.is_none() {
        return Err(missing(node, "endpoint", EXPECTED_ENDPOINT));
    }
    Ok(provider)
}

const EXPECTED_ENDPOINT: &str = "a URL that begins with http:// or https://";

fn endpoint(provider: &Node<'_>) -> Result<Option<String>, ConfigError> {
    let Some(url) = provider.optional_text("endpoint")? else {
        return Ok(None);
    };
    let host = ["https://", "http://"]
        .iter()
        .find_map(|scheme| url.strip_prefix(scheme));
    match host {
        Some(host) if !host.is_empty() && !host.starts_with('/') => Ok(Some(url)),
        _ => Err(invalid_url(provider, "endpoint", &url, EXPECTED_ENDPOINT)?),
    }
}

/// `WebDAV` knows a user by name and password (RFC 7617: the name holds no colon).
fn webdav(node: &Node<'_>) -> Result<WebdavProvider, ConfigError> {
    const EXPECTED_LOGIN: &str = "the name of a user of the server, without a colon";
    node.note_unknown(&["hostname", "login", "password", "verify"]);
    let login = required(node, "login", EXPECTED_LOGIN)?;
    if login.contains(':') || login.contains(char::is_control) {
        return Err(node
            .require("login", EXPECTED_LOGIN)?
            .invalid(EXPECTED_LOGIN));
    }
    Ok(WebdavProvider {
        server: server(node, "hostname")?,
        login: Secret::new(login),
        password: Secret::new(required(node, "password", "the password of the user")?),
        tls: verify(node)?,
    })
}

fn onedata(node: &Node<'_>) -> Result<OnedataProvider, ConfigError> {
    const EXPECTED_TOKEN: &str = "an access token of Onedata";
    const EXPECTED_SPACE: &str = "the name of a space, which has no slash";
    node.note_unknown(&["oneprovider_host", "token", "space", "verify"]);
    let token = required(node, "token", EXPECTED_TOKEN)?;
    // It travels in a header of its own.
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(node
            .require("token", EXPECTED_TOKEN)?
            .invalid(EXPECTED_TOKEN));
    }
    let space = node.require("space", EXPECTED_SPACE)?.shown_again();
    Ok(OnedataProvider {
        server: server(node, "oneprovider_host")?,
        token: Secret::new(token),
        space: Bucket::new(space.text()?).map_err(|_| space.invalid(EXPECTED_SPACE))?,
        tls: verify(node)?,
    })
}

fn server(node: &Node<'_>, key: &str) -> Result<ServerUrl, ConfigError> {
    let text = required(node, key, EXPECTED_SERVER)?;
    match ServerUrl::parse(&text) {
        Some(server) => Ok(server),
        None => Err(invalid_url(node, key, &text, EXPECTED_SERVER)?),
    }
}

/// Text that must be there and not be empty.
fn required(node: &Node<'_>, key: &str, expected: &str) -> Result<String, ConfigError> {
    node.optional_text(key)?
        .ok_or_else(|| missing(node, key, expected))
}

fn verify(node: &Node<'_>) -> Result<TlsVerify, ConfigError> {
    let verify = node
        .get("verify")?
        .map(|node| node.shown_again().boolean())
        .transpose()?;
    Ok(match verify {
        None | Some(true) => TlsVerify::Verify,
        Some(false) => TlsVerify::Skip,
    })
}

fn missing(node: &Node<'_>, key: &str, expected: &str) -> ConfigError {
    ConfigError::Missing {
        key: node.path_of(key),
        expected: expected.to_owned(),
    }
}

/// The error of a URL, which may carry a password before its `@`.
fn invalid_url(
    node: &Node<'_>,
    key: &str,
    url: &str,
    expected: &str,
) -> Result<ConfigError, ConfigError> {
    let node = node.require(key, expected)?;
    let node = if url.contains('@') {
        node
    } else {
        node.shown_again()
    };
    Ok(node.invalid(expected))
}
