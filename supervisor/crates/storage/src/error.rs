//! What can go wrong between a file and an object, sorted by what the user can do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use config::location::{Bucket, Key};

/// What was being done to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Looking it up.
    Inspect,
    /// Reading it.
    Download,
    /// Writing it.
    Upload,
}

impl Operation {
    /// The permission S3 asks for (`HeadObject` is covered by `s3:GetObject`).
    fn permission(self) -> &'static str {
        match self {
            Self::Inspect | Self::Download => "s3:GetObject",
            Self::Upload => "s3:PutObject",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inspect => "look up",
            Self::Download => "download",
            Self::Upload => "upload",
        })
    }
}

/// How a store is spoken to: what its objects are called and what can be done about its refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// S3's, or a directory that stands in for it.
    S3,
    /// `WebDAV`.
    Webdav,
    /// Onedata's, which is CDMI.
    Onedata,
}

impl Protocol {
    fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Webdav => "webdav",
            Self::Onedata => "onedata",
        }
    }
}

/// The object an operation was about and the storage provider it went through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What was being done.
    pub operation: Operation,
    /// Bucket of the object.
    pub bucket: Bucket,
    /// Key of the object.
    pub key: Key,
    /// Identifier of the storage provider, as the configuration spells it.
    pub provider: String,
    /// How the store is spoken to.
    pub protocol: Protocol,
}

impl Target {
    /// Names an operation for error messages.
    pub fn new(operation: Operation, bucket: &Bucket, key: &Key, provider: &str) -> Self {
        Self {
            operation,
            bucket: bucket.clone(),
            key: key.clone(),
            provider: provider.to_owned(),
            protocol: Protocol::S3,
        }
    }

    /// The same through another protocol than S3's.
    #[must_use]
    pub fn over(self, protocol: Protocol) -> Self {
        Self { protocol, ..self }
    }

    fn arn(&self) -> String {
        format!("arn:aws:s3:::{}/{}", self.bucket, self.key)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            operation,
            bucket,
            key,
            provider,
            protocol,
        } = self;
        let scheme = protocol.scheme();
        write!(
            f,
            "cannot {operation} {scheme}://{bucket}/{key} (storage provider {provider})"
        )
    }
}

/// Why a file and an object did not become equal. Every message says what was tried, on what, and what to do next.
#[derive(Debug, Error)]
pub enum StorageError {
    /// The object, or the version asked for, does not exist.
    #[error(
        "{target}: there is no such object; check the key, and that nothing removed or renamed the object meanwhile"
    )]
    NotFound {
        /// What was tried.
        target: Box<Target>,
    },
    /// The bucket does not exist.
    #[error(
        "{target}: there is no such {}; create it or correct its name in the configuration",
        bucket_word(.target.protocol)
    )]
    NoSuchBucket {
        /// What was tried.
        target: Box<Target>,
    },
    /// The store refused these credentials this operation.
    #[error("{target}: access denied ({detail}); {}", permission_hint(.target))]
    AccessDenied {
        /// What was tried.
        target: Box<Target>,
        /// The store's own words.
        detail: String,
    },
    /// The credentials are missing, unknown or wrong.
    #[error("{target}: the credentials are not valid ({detail}); {}", credentials_hint(.target.protocol))]
    InvalidCredentials {
        /// What was tried.
        target: Box<Target>,
        /// The store's own words.
        detail: String,
    },
    /// The credentials were right once.
    #[error(
        "{target}: the credentials have expired ({detail}); renew the session token of this provider"
    )]
    ExpiredCredentials {
        /// What was tried.
        target: Box<Target>,
        /// The store's own words.
        detail: String,
    },
    /// The object does not fit on the file system; nothing was written.
    #[error("{target}: it needs {needed} bytes and the file system of {} has {free} bytes free; enlarge the ephemeral storage of the function or free space there", path.display())]
    NoSpace {
        /// What was tried.
        target: Box<Target>,
        /// Size of the object, in bytes.
        needed: u64,
        /// Bytes free at that time.
        free: u64,
        /// Directory that was to hold the file.
        path: PathBuf,
    },
    /// The store has no room for the object.
    #[error(
        "{target}: the store has no room for it ({detail}); free space there, or have the quota or the limit raised"
    )]
    StoreFull {
        /// What was tried.
        target: Box<Target>,
        /// The store's own words.
        detail: String,
    },
    /// The object was replaced while its parts were being fetched.
    #[error(
        "{target}: the object was replaced while it was being downloaded; run again to get the new content"
    )]
    Changed {
        /// What was tried.
        target: Box<Target>,
    },
    /// The bucket is in another region than the client speaks to.
    #[error("{target}: the bucket is in {}; set `region` of this storage provider to it", region.as_deref().unwrap_or("another region"))]
    WrongRegion {
        /// What was tried.
        target: Box<Target>,
        /// Region of the bucket, when the store told it.
        region: Option<String>,
    },
    /// The store could not be reached, or the connection kept breaking.
    #[error(
        "{target}: the store cannot be reached ({detail}); check the endpoint, the name resolution and that this machine may connect to it"
    )]
    Unreachable {
        /// What was tried.
        target: Box<Target>,
        /// What the network said.
        detail: String,
    },
    /// The server's TLS certificate is not trusted.
    #[error(
        "{target}: the server's certificate is not trusted ({detail}); install its certificate authority or name it with AWS_CA_BUNDLE, or set `verify: false` for this provider to accept any certificate"
    )]
    Untrusted {
        /// What was tried.
        target: Box<Target>,
        /// What the verification said.
        detail: String,
    },
    /// The key cannot be a name in this store.
    #[error("{target}: {reason}; use another key")]
    UnusableKey {
        /// What was tried.
        target: Box<Target>,
        /// Why not.
        reason: &'static str,
    },
    /// The file to upload is not what it was when it was listed.
    #[error("{target}: {} {reason}; upload only finished regular files", path.display())]
    UnusableFile {
        /// What was tried.
        target: Box<Target>,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A local file or directory failed.
    #[error("{target}: {action} {} failed: {source}; check the path, its permissions and the free space", path.display())]
    Io {
        /// What was tried.
        target: Box<Target>,
        /// What was done to the path.
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Anything else the store answered.
    #[error("{target}: {detail}; if it says the store is busy or failed inside, run again")]
    Other {
        /// What was tried.
        target: Box<Target>,
        /// The store's own words.
        detail: String,
    },
    /// A storage provider cannot be used at all.
    #[error("storage provider {provider} cannot be used: {reason}")]
    Provider {
        /// Identifier of the provider.
        provider: String,
        /// Why, and what to do.
        reason: String,
    },
}

impl StorageError {
    /// An I/O error on a local path, told apart from a full disk.
    pub(super) fn io(
        target: Box<Target>,
        action: &'static str,
        path: &Path,
        source: io::Error,
    ) -> Self {
        Self::Io {
            target,
            action,
            path: path.to_owned(),
            source,
        }
    }
}

/// What to do about a refusal.
fn permission_hint(target: &Target) -> String {
    let verb = match target.operation {
        Operation::Upload => "write",
        Operation::Inspect | Operation::Download => "read",
    };
    match target.protocol {
        Protocol::S3 => s3_permission_hint(target),
        Protocol::Webdav => format!("allow the login of this provider to {verb} there"),
        Protocol::Onedata => {
            format!("use a token that is not limited, of a user who may {verb} there")
        }
    }
}

/// What the credentials need. S3 answers 403, not 404, for a missing object to those who may not list the
/// bucket (S3 API reference, `GetObject`, "Permissions").
fn s3_permission_hint(target: &Target) -> String {
    let permission = target.operation.permission();
    let arn = target.arn();
    match target.operation {
        Operation::Upload => format!("allow {permission} on {arn}"),
        Operation::Inspect | Operation::Download => format!(
            "allow {permission} on {arn}, or check that the object exists: S3 answers 403 for a missing object \
             to those who may not list the bucket"
        ),
    }
}

fn credentials_hint(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::S3 => {
            "check access_key, secret_key and session_token of this provider, or for s3.default the role of the \
             function, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        }
        Protocol::Webdav => "check login and password of this provider",
        Protocol::Onedata => "check the token of this provider, and that it has not expired",
    }
}

fn bucket_word(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::S3 => "bucket",
        Protocol::Webdav => "folder",
        Protocol::Onedata => "space or folder",
    }
}
