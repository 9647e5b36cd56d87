//! Applies layers to a root directory, as the OCI image specification says ("Image Layer Filesystem Changeset").
//!
//! A layer is other people's input: whatever is in it, nothing outside the root is read or written, and what it may
//! take of memory and depth is bounded. Owners are ignored and set-user-id bits dropped, because an image is run by one
//! user; directories stay open to that user, so that later layers and udocker can change them; devices are passed over.

mod extensions;
mod hard_link;
pub(crate) mod member;
mod removal;
pub(crate) mod tar_stream;
mod writer;

use std::{
    io::{self, BufRead},
    path::{Path, PathBuf},
};

use thiserror::Error;

use self::{member::path_of, tar_stream::TarStream, writer::Writer};
use super::interrupt::Interrupt;
pub use rootfs::{Resolver, Root};

/// Why a layer could not be applied.
#[derive(Debug, Error)]
pub enum LayerError {
    /// The stream that brings it failed or ended too early.
    #[error("the archive cannot be read: {0}")]
    Read(#[source] io::Error),
    /// It is no tar archive, or a damaged one.
    #[error("the archive is damaged: {reason}")]
    Malformed {
        /// What is wrong.
        reason: String,
    },
    /// A whiteout in a layer with more names than are remembered.
    #[error(
        "a whiteout follows more than {most} files of its own layer; put fewer files into one layer"
    )]
    TooManyNames {
        /// The most that are remembered.
        most: usize,
    },
    /// The headers before a member are too large.
    #[error("the name and the attributes of a member take more than {most} bytes")]
    LargeHeaders {
        /// The most there may be.
        most: u64,
    },
    /// The work is to stop.
    #[error("stopped")]
    Interrupted,
    /// A path has too many components.
    #[error("a path is more than {deepest} directories deep")]
    TooDeep {
        /// The most there may be.
        deepest: usize,
    },
    /// The root's file system refused.
    #[error("cannot unpack {}: {source}", path.display())]
    Write {
        /// Path in the image.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl LayerError {
    pub(crate) fn malformed(reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self::Malformed { reason }
    }

    fn truncated() -> Self {
        Self::Read(io::ErrorKind::UnexpectedEof.into())
    }

    fn write(path: &Path, source: impl Into<io::Error>) -> Self {
        Self::Write {
            path: path.to_owned(),
            source: source.into(),
        }
    }
}

/// Applies the layer that `content` brings, uncompressed, to `root`, and reads the stream to its end.
///
/// # Errors
/// [`LayerError`]; the root then holds a part of the layer.
pub fn apply_layer(root: &Root, content: impl BufRead) -> Result<(), LayerError> {
    apply_until(root, content, &Interrupt::default())
}

/// As [`apply_layer`], until the work is to stop.
pub(crate) fn apply_until(
    root: &Root,
    content: impl BufRead,
    interrupt: &Interrupt,
) -> Result<(), LayerError> {
    let mut stream = TarStream::new(content);
    let mut writer = Writer::new(root, interrupt);
    while let Some(member) = stream.next()? {
        if interrupt.is_set() {
            return Err(LayerError::Interrupted);
        }
        let path = path_of(&member.name)?;
        writer.apply(&member, &path, &mut stream)?;
    }
    writer.finish();
    Ok(())
}
