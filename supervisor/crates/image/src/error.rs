//! What can go wrong with an image, and what to do about it.

use std::{any::Any, io, time::Duration};

use thiserror::Error;

use super::{Digest, unpack::LayerError};

/// Why an image cannot be had or unpacked. Whoever shows it says which image.
#[derive(Debug, Error)]
pub enum ImageError {
    /// Its name is none.
    #[error(
        "the name cannot be understood: {reason}; write it as [host[:port]/]repository[:tag][@sha256:…]"
    )]
    Reference {
        /// What is wrong.
        reason: &'static str,
    },
    /// The registry wants (other) credentials.
    #[error("{registry} refused access ({status}): {}", refused(*.credentials))]
    Unauthorized {
        /// The registry.
        registry: String,
        /// 401 or 403.
        status: u16,
        /// What was tried.
        credentials: Tried,
    },
    /// The registry does not have it.
    #[error("{registry} has no {what}: check the name and the tag")]
    NotFound {
        /// The registry.
        registry: String,
        /// What was asked for.
        what: String,
    },
    /// Too many requests.
    #[error(
        "{registry} allows no more requests now (429){}; log in for a higher limit, name a mirror in UDOCKER_REGISTRY, or use container.image_file",
        wait.map_or_else(String::new, |wait| format!(", again in {} s", wait.as_secs()))
    )]
    RateLimited {
        /// The registry.
        registry: String,
        /// When it says to come back.
        wait: Option<Duration>,
    },
    /// No answer, or not the whole of it.
    #[error(
        "{url} cannot be reached: {reason}; check the network, and UDOCKER_REGISTRY if a mirror is to be used"
    )]
    Unreachable {
        /// What was asked for.
        url: String,
        /// Why it failed, the last time.
        reason: String,
    },
    /// It cannot even be asked.
    #[error("{registry} cannot be asked: {reason}")]
    Unasked {
        /// The registry.
        registry: String,
        /// Why not.
        reason: String,
    },
    /// Whoever answers cannot prove to be the registry.
    #[error(
        "{registry} shows a certificate that is not accepted: {reason}; AWS_CA_BUNDLE names a file of further authorities"
    )]
    Untrusted {
        /// The registry.
        registry: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An answer that is no use.
    #[error("{url} answered {status}: {body}")]
    Answer {
        /// What was asked for.
        url: String,
        /// The status code.
        status: u16,
        /// The beginning of the answer.
        body: String,
    },
    /// A connection that is not encrypted, to another machine, that nobody has asked for.
    #[error(
        "{url} is not encrypted: only registries on this machine may be, and a mirror that UDOCKER_REGISTRY names with http://"
    )]
    Plain {
        /// The address.
        url: String,
    },
    /// It is made for other machines.
    #[error(
        "it is for {found}, this machine is {wanted}: choose an image that is built for {wanted}"
    )]
    Architecture {
        /// What it is for.
        found: String,
        /// What it should be for.
        wanted: &'static str,
    },
    /// What arrived is not what was asked for.
    #[error("the {what} is damaged: its digest is {found} in place of {expected}")]
    Digest {
        /// Layer, manifest, …
        what: &'static str,
        /// What it should be.
        expected: Digest,
        /// What it is.
        found: Digest,
    },
    /// A document of the image cannot be read.
    #[error("the image's {what} cannot be understood: {reason}")]
    Document {
        /// Manifest, configuration, …
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A layer cannot be unpacked.
    #[error("layer {layer}: {source}")]
    Layer {
        /// Its digest or name.
        layer: String,
        /// Why.
        source: LayerError,
    },
    /// It unpacks to far more than there was.
    #[error(
        "layer {layer} unpacks to more than {ratio} times its size: if that is right, set container.prepare: udocker"
    )]
    Expansion {
        /// Its digest or name.
        layer: String,
        /// The most there may be.
        ratio: u64,
    },
    /// The archive is none of an image.
    #[error(
        "it is no image archive: {reason}; `docker save`, `skopeo copy … oci-archive:` and their like write them"
    )]
    Archive {
        /// What is missing.
        reason: String,
    },
    /// The function's role may not read the registry.
    #[error(
        "no token for {registry}: {reason}; the role needs ecr:GetAuthorizationToken, ecr:BatchGetImage and ecr:GetDownloadUrlForLayer"
    )]
    Ecr {
        /// The registry.
        registry: String,
        /// What AWS said.
        reason: String,
    },
    /// A local file could not be handled.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was being done, with the path.
        action: String,
        /// Why it failed.
        source: io::Error,
    },
    /// The preparation was told to stop.
    #[error("stopped")]
    Interrupted,
    /// A fault of this program, not of the image.
    #[error("internal error while {step}: {reason}; report it, with the name of the image")]
    Internal {
        /// What was being done.
        step: &'static str,
        /// What went wrong.
        reason: String,
    },
}

/// With what the registry was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    /// Nobody has configured any credentials.
    Nothing,
    /// With those of the named source.
    Credentials(Source),
}

/// Where credentials come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// `docker login`.
    DockerConfig,
    /// `udocker login`.
    UdockerKeystore,
    /// The function's role.
    Role,
}

fn refused(tried: Tried) -> &'static str {
    match tried {
        Tried::Nothing => {
            "the image is private or does not exist; give credentials in ~/.docker/config.json (DOCKER_CONFIG names another directory), with `udocker login`, or use container.image_file"
        }
        Tried::Credentials(Source::DockerConfig) => {
            "the image does not exist, or the credentials of docker's config.json do not allow it"
        }
        Tried::Credentials(Source::UdockerKeystore) => {
            "the image does not exist, or the credentials of `udocker login` do not allow it"
        }
        Tried::Credentials(Source::Role) => {
            "the image does not exist, or the function's role may not read it: it needs ecr:BatchGetImage and ecr:GetDownloadUrlForLayer on the repository"
        }
    }
}

impl ImageError {
    /// The thread at work on `step` panicked; `payload` is what it panicked with.
    pub(crate) fn panicked(step: &'static str, payload: &(dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let reason = text.unwrap_or("a thread panicked").to_owned();
        Self::Internal { step, reason }
    }

    /// Something is not as the code before it leaves it.
    pub(crate) fn internal(step: &'static str, reason: &str) -> Self {
        let reason = reason.to_owned();
        Self::Internal { step, reason }
    }

    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }

    pub(crate) fn document(what: &'static str) -> impl FnOnce(serde_json::Error) -> Self {
        move |error| Self::Document {
            what,
            reason: error.to_string(),
        }
    }

    /// Whether it lies in the bytes of the image: not in the disk they are on, nor in the one they go to.
    pub(super) fn is_damage(&self) -> bool {
        match self {
            Self::Digest { .. } => true,
            Self::Layer { source, .. } => match source {
                LayerError::Malformed { .. }
                | LayerError::TooDeep { .. }
                | LayerError::TooManyNames { .. }
                | LayerError::LargeHeaders { .. } => true,
                // Decompressors have no numbers for what they find; the system has.
                LayerError::Read(error) => error.raw_os_error().is_none(),
                LayerError::Write { .. } | LayerError::Interrupted => false,
            },
            _ => false,
        }
    }

    /// Whether it was for want of room on the disk.
    pub fn is_full_disk(&self) -> bool {
        let (Self::Io { source, .. }
        | Self::Layer {
            // Layers that are kept are written while they are read.
            source: LayerError::Write { source, .. } | LayerError::Read(source),
            ..
        }) = self
        else {
            return false;
        };
        matches!(
            source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_no_damage() {
        let layer = |source| ImageError::Layer {
            layer: "layer".to_owned(),
            source,
        };
        let write = |source| {
            layer(LayerError::Write {
                path: "file".into(),
                source,
            })
        };
        let full = || io::Error::from(nix::errno::Errno::ENOSPC);
        let unreadable = io::Error::from(nix::errno::Errno::EIO);
        let cut = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert!(!write(full()).is_damage());
        assert!(!layer(LayerError::Read(full())).is_damage());
        assert!(!layer(LayerError::Read(unreadable)).is_damage());
        assert!(layer(LayerError::Read(cut)).is_damage());
        assert!(layer(LayerError::TooDeep { deepest: 1 }).is_damage());
    }
}
