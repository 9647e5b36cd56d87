//! Storage providers: how they are named and what is needed to reach them.

use std::fmt;
use std::str::FromStr;

use super::choices::{TlsVerify, UnknownChoice};
use super::server::ServerUrl;
use crate::location::Bucket;

/// The id of a kind's unnamed provider: `s3` is `s3.default`.
pub const DEFAULT_ID: &str = "default";

/// What a provider name must look like, for messages.
pub(crate) const EXPECTED_PROVIDER: &str =
    "s3, s3.<id>, minio.<id>, webdav.<id>, onedata.<id> or local";

/// The kinds of storage provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProviderKind {
    /// Amazon S3, or anything that speaks its protocol.
    S3,
    /// A `MinIO` server: the S3 protocol at an endpoint of its own.
    Minio,
    /// A `WebDAV` server, such as a dCache door: the first folder of a path is the bucket.
    Webdav,
    /// A space of Onedata, reached through a Oneprovider: the space is the bucket.
    Onedata,
    /// A directory whose subdirectories are buckets.
    Local,
}

impl ProviderKind {
    /// An object of such a store, for people: `s3://bucket/key`.
    pub fn url(self, bucket: &Bucket, key: &str) -> String {
        let scheme = match self {
            Self::S3 | Self::Minio | Self::Local => "s3",
            Self::Webdav => "webdav",
            Self::Onedata => "onedata",
        };
        format!("{scheme}://{bucket}/{key}")
    }
}

impl fmt::Display for ProviderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::S3 => "s3",
            Self::Minio => "minio",
            Self::Webdav => "webdav",
            Self::Onedata => "onedata",
            Self::Local => "local",
        })
    }
}

/// The name of a storage provider: `s3` (the function's own role, also spelled `s3.default`), `s3.<id>`,
/// `minio.<id>`, `webdav.<id>`, `onedata.<id>` or `local`. Displayed with its id: `s3.default`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderId {
    /// What speaks to it.
    pub kind: ProviderKind,
    /// Which of that kind; [`DEFAULT_ID`] when only the kind is named.
    pub id: String,
}

impl ProviderId {
    /// A provider by kind and id.
    pub fn new(kind: ProviderKind, id: impl Into<String>) -> Self {
        Self {
            kind,
            id: id.into(),
        }
    }

    /// `s3.default`: S3 with the function's own role, which needs no configuration.
    pub fn own_role() -> Self {
        Self::new(ProviderKind::S3, DEFAULT_ID)
    }

    /// Whether the provider works without an entry below `storage_providers`.
    pub fn needs_no_configuration(&self) -> bool {
        match self.kind {
            ProviderKind::S3 => self.id == DEFAULT_ID,
            ProviderKind::Minio | ProviderKind::Webdav | ProviderKind::Onedata => false,
            ProviderKind::Local => true,
        }
    }
}

impl fmt::Display for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.kind, self.id)
    }
}

impl FromStr for ProviderId {
    type Err = UnknownChoice;

    fn from_str(text: &str) -> Result<Self, UnknownChoice> {
        let unknown = UnknownChoice {
            expected: EXPECTED_PROVIDER,
        };
        let (kind, id) = text
            .trim()
            .split_once('.')
            .unwrap_or((text.trim(), DEFAULT_ID));
        let kind = match kind.to_ascii_lowercase().as_str() {
            "s3" => ProviderKind::S3,
            "minio" => ProviderKind::Minio,
            "webdav" => ProviderKind::Webdav,
            "onedata" => ProviderKind::Onedata,
            "local" => ProviderKind::Local,
            _ => return Err(unknown),
        };
        if id.is_empty() {
            Err(unknown)
        } else {
            Ok(Self::new(kind, id))
        }
    }
}

/// Text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the text in.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// How to reach one store (`storage_providers.<kind>.<id>`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderSettings {
    /// A store of the kinds [`ProviderKind::S3`] and [`ProviderKind::Minio`].
    S3(S3Provider),
    /// A store of the kind [`ProviderKind::Webdav`].
    Webdav(WebdavProvider),
    /// A store of the kind [`ProviderKind::Onedata`].
    Onedata(OnedataProvider),
}

/// How to reach one S3 or `MinIO` store (`storage_providers.<kind>.<id>`). Keys come in pairs: both or neither.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct S3Provider {
    /// Access key id; without it the function's own role signs the requests.
    pub access_key: Option<Secret>,
    /// Secret access key.
    pub secret_key: Option<Secret>,
    /// Session token of temporary credentials.
    pub session_token: Option<Secret>,
    /// Region to sign for.
    pub region: Option<String>,
    /// URL of the store, `http://` or `https://`; S3's own when absent.
    pub endpoint: Option<String>,
    /// Whether the store's certificate is checked.
    pub tls: TlsVerify,
}

/// How to reach one `WebDAV` server (`storage_providers.webdav.<id>`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebdavProvider {
    /// The server and the folder on it that paths begin in (`hostname`).
    pub server: ServerUrl,
    /// Name of the user, without a colon.
    pub login: Secret,
    /// The user's password.
    pub password: Secret,
    /// Whether the server's certificate is checked.
    pub tls: TlsVerify,
}

/// How to reach one space of Onedata (`storage_providers.onedata.<id>`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnedataProvider {
    /// The Oneprovider that serves the space (`oneprovider_host`).
    pub server: ServerUrl,
    /// An access token for the space.
    pub token: Secret,
    /// The space's name, or its identifier.
    pub space: Bucket,
    /// Whether the server's certificate is checked.
    pub tls: TlsVerify,
}
