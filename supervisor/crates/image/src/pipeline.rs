//! Layers on their way into a root: one thread reads, checks and decompresses, another unpacks, and a few buffers
//! between them are all that is held of a layer.

mod digests;
mod pieces;
mod reading;
mod tap;

use std::{
    io::{self, BufRead, BufReader, Read},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use self::{
    pieces::{Content, Inlet, channels},
    reading::read_all,
};
use super::{
    Digest, ImageError,
    unpack::{LayerError, apply_layer},
};
use rootfs::Root;

/// Bytes of a layer read at a time.
const BUFFER: usize = 128 * 1024;

/// Turns true when the work is to stop.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Fails once the work is to stop.
    pub(crate) fn check(&self) -> io::Result<()> {
        if self.is_set() {
            return Err(io::Error::other("interrupted"));
        }
        Ok(())
    }
}

/// Reads until the work is to stop.
pub(crate) struct Interruptible<R> {
    pub(crate) reader: R,
    pub(crate) interrupt: Interrupt,
}

impl<R: Read> Read for Interruptible<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.interrupt.check()?;
        self.reader.read(buffer)
    }
}

/// A layer to be applied.
pub(crate) struct Layer {
    /// What messages call it.
    pub(crate) label: String,
    /// Digest of its bytes, where it is known.
    pub(crate) digest: Option<Digest>,
    /// Digest of its content, where it is known.
    pub(crate) diff_id: Option<Digest>,
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

    /// Why the reader that was opened last has failed, where it knows better than an [`io::Error`] can tell.
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
        let unpacked = unpack_all(layers, &inlet, root);
        // The reader would wait for ever to be rid of its pieces.
        drop(inlet);
        let read = reading.join().map_err(|_| ImageError::Interrupted)?;
        match (read, unpacked) {
            // That the other end has gone is only ever the consequence.
            (Ok(blobs), Ok(())) => Ok(blobs),
            (Err(Some(error)), _) | (_, Err(error)) => Err(error),
            (Err(None), Ok(())) => Err(ImageError::Interrupted),
        }
    })
}

impl Layer {
    fn failed(&self, source: LayerError) -> ImageError {
        let layer = self.label.clone();
        ImageError::Layer { layer, source }
    }
}

fn unpack_all(layers: &[Layer], inlet: &Inlet, root: &Root) -> Result<(), ImageError> {
    for layer in layers {
        let mut content = Content::of(inlet);
        apply_layer(root, &mut content).map_err(|error| layer.failed(error))?;
        let found = content.digest().ok_or(ImageError::Interrupted)?;
        if let Some(expected) = &layer.diff_id {
            expected.expect(&found, "unpacked layer")?;
        }
    }
    Ok(())
}
