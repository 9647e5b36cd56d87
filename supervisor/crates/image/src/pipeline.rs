//! Layers on their way into a root: one thread reads, checks and decompresses, another unpacks, and a few buffers
//! between them are all that is held of a layer.

mod digests;
mod hashing_reader;
mod pieces;
mod reading;

use std::{
    io::{BufRead, BufReader, Read},
    path::PathBuf,
};

use self::{
    pieces::{Content, Inlet, channels},
    reading::read_all,
};
use super::{
    Digest, ImageError,
    interrupt::Interrupt,
    unpack::{LayerError, apply_until},
};
use rootfs::Root;

/// Bytes of a layer read at a time.
const BUFFER: usize = 128 * 1024;
/// What the reading thread does, in messages.
const READING: &str = "reading the layers";

/// A layer to be applied.
pub(crate) struct Layer {
    /// What messages call it.
    pub(crate) label: String,
    /// Digest of its bytes, where it is known.
    pub(crate) digest: Option<Digest>,
    /// Digest of its content, where it is known.
    pub(crate) diff_id: Option<Digest>,
    /// Largest window of its compression, in bytes.
    pub(crate) window: u64,
}

/// Where the bytes of layers come from.
pub(crate) trait Source: Send {
    /// The bytes of layer `index`. Layers are asked for in order, each once.
    ///
    /// # Errors
    /// [`ImageError`] when there are none.
    fn open(&mut self, index: usize) -> Result<Opened<'_>, ImageError>;

    /// The digest of what the reader that was opened last has given, where the source has hashed it.
    fn digest(&mut self) -> Option<Digest> {
        None
    }

    /// Why the reader that was opened last has failed, where it knows better than an [`std::io::Error`] can tell.
    fn failure(&mut self) -> Option<ImageError> {
        None
    }
}

/// The bytes of a layer.
pub(crate) struct Opened<'a> {
    pub(crate) bytes: Box<dyn BufRead + Send + 'a>,
    pub(crate) hashed: Hashed,
    pub(crate) found: Found,
}

impl<'a> Opened<'a> {
    /// Those that `reader` gives, to be hashed by whoever reads them.
    pub(crate) fn of(reader: impl Read + Send + 'a) -> Self {
        Self {
            bytes: Box::new(BufReader::with_capacity(BUFFER, reader)),
            hashed: Hashed::ByReader,
            found: Found::Elsewhere,
        }
    }
}

/// Whether a layer's bytes are where they would be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// They are.
    InStore,
    /// They are not.
    Elsewhere,
}

/// Who hashes the bytes of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hashed {
    /// Whoever brings them: see [`Source::digest`].
    BySource,
    /// Whoever reads them.
    ByReader,
}

/// Whether the bytes of the layers are kept.
#[derive(Debug, Clone)]
pub(crate) enum Keeping {
    /// Only what is unpacked of them.
    Nothing,
    /// In this directory, each named after its digest.
    In(PathBuf),
}

/// A layer's bytes, as they were read.
#[derive(Debug, Clone)]
pub(crate) struct Blob {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

/// Applies `layers` to `root`, in order; tells what their bytes were.
///
/// # Errors
/// [`ImageError`]; the root then holds a part of the image.
pub(crate) fn apply(
    layers: &[Layer],
    source: &mut dyn Source,
    root: &Root,
    keeping: &Keeping,
    interrupt: &Interrupt,
) -> Result<Vec<Blob>, ImageError> {
    let (outlet, inlet) = channels();
    std::thread::scope(|scope| {
        let reading = scope.spawn(move || read_all(layers, source, keeping, interrupt, &outlet));
        let unpacked = unpack_all(layers, &inlet, root, interrupt);
        // The reader would wait for ever to be rid of its pieces.
        drop(inlet);
        let read = reading
            .join()
            .map_err(|payload| ImageError::panicked(READING, payload.as_ref()))?;
        match (read, unpacked) {
            _ if interrupt.is_set() => Err(ImageError::Interrupted),
            // That the other end has gone is only ever the consequence.
            (Ok(blobs), Ok(())) => Ok(blobs),
            (Err(Some(error)), _) | (_, Err(error)) => Err(error),
            (Err(None), Ok(())) => Err(ImageError::internal(READING, "it ended too early")),
        }
    })
}

impl Layer {
    fn failed(&self, source: LayerError) -> ImageError {
        let layer = self.label.clone();
        ImageError::Layer { layer, source }
    }
}

fn unpack_all(
    layers: &[Layer],
    inlet: &Inlet,
    root: &Root,
    interrupt: &Interrupt,
) -> Result<(), ImageError> {
    let no_digest = || ImageError::internal("unpacking the layers", "a layer has no digest");
    for layer in layers {
        let mut content = Content::of(inlet);
        apply_until(root, &mut content, interrupt).map_err(|error| layer.failed(error))?;
        let found = content.digest().ok_or_else(no_digest)?;
        if let Some(expected) = &layer.diff_id {
            expected.expect(&found, "unpacked layer")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rootfs::Resolver;

    use super::*;

    struct Faulty;

    impl Source for Faulty {
        fn open(&mut self, index: usize) -> Result<Opened<'_>, ImageError> {
            panic!("layer {index} is out of reach");
        }
    }

    #[test]
    fn a_panic_of_the_reading_thread_is_an_internal_error() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path(), Resolver::Kernel).unwrap();
        let layers = [Layer {
            label: "first".to_owned(),
            digest: None,
            diff_id: None,
            window: 0,
        }];
        let interrupt = Interrupt::default();
        let applied = apply(&layers, &mut Faulty, &root, &Keeping::Nothing, &interrupt);
        let message = applied.unwrap_err().to_string();
        assert!(
            message.contains("internal error while reading the layers: layer 0 is out of reach"),
            "{message}"
        );
    }
}
