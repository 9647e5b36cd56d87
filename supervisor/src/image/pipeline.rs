//! Layers on their way into a root: one thread reads, checks and decompresses, another unpacks, and a few buffers
//! between them are all that is held of a layer.

use std::{
    io::{self, BufRead, BufReader, Read, Write as _},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
};

use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::{
    Digest, ImageError,
    decode::decoder,
    store,
    unpack::{LayerError, Root, apply_layer},
};

/// Bytes decompressed at a time.
const PIECE: usize = 64 * 1024;
/// Pieces that wait to be unpacked.
const PIECES: usize = 32;
/// What a layer may always unpack to, in bytes.
const ALLOWANCE: u64 = 64 * 1024 * 1024;
/// What it may unpack to beyond that, in times its size: more than any program or data set, less than a file made to
/// fill a disk (gzip reaches 1,032, zstd more).
const RATIO: u64 = 100;

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
    fn open(&mut self, index: usize) -> Result<Box<dyn Read + Send + '_>, ImageError>;

    /// Why the reader that was opened last has failed, where it knows better than an [`io::Error`] can tell.
    fn failure(&mut self) -> Option<ImageError> {
        None
    }
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
    let (sender, receiver) = sync_channel(PIECES);
    std::thread::scope(|scope| {
        let reading = scope.spawn(move || read_all(layers, source, keeping, interrupt, &sender));
        let unpacked = unpack_all(layers, &receiver, root);
        // The reader would wait for ever to be rid of its pieces.
        drop(receiver);
        let read = reading.join().map_err(|_| ImageError::Interrupted)?;
        match (read, unpacked) {
            // That the other end has gone is only ever the consequence.
            (Ok(blobs), Ok(())) => Ok(blobs),
            (Err(Some(error)), _) | (_, Err(error)) => Err(error),
            (Err(None), Ok(())) => Err(ImageError::Interrupted),
        }
    })
}

/// What goes from the reading thread to the unpacking one.
enum Message {
    Content(Vec<u8>),
    LayerEnds,
}

/// The error is none where the other thread has stopped.
fn read_all(
    layers: &[Layer],
    source: &mut dyn Source,
    keeping: &Keeping,
    interrupt: &Interrupt,
    sender: &SyncSender<Message>,
) -> Result<Vec<Blob>, Option<ImageError>> {
    let mut blobs = Vec::new();
    for (index, layer) in layers.iter().enumerate() {
        let read = read_layer(layer, source.open(index)?, keeping, interrupt, sender);
        let blob = read.map_err(|error| match error {
            Some(_) if interrupt.is_set() => Some(ImageError::Interrupted),
            Some(error) => Some(source.failure().unwrap_or(error)),
            None => None,
        })?;
        blobs.push(blob);
        sender.send(Message::LayerEnds).map_err(|_| None)?;
    }
    Ok(blobs)
}

fn read_layer(
    layer: &Layer,
    bytes: Box<dyn Read + Send + '_>,
    keeping: &Keeping,
    interrupt: &Interrupt,
    sender: &SyncSender<Message>,
) -> Result<Blob, Option<ImageError>> {
    let failed = |source| layer.failed(LayerError::Read(source));
    let taken = Arc::new(AtomicU64::new(0));
    let tap = Tap::new(bytes, Arc::clone(&taken), keeping, interrupt)?;
    let mut tap = BufReader::with_capacity(PIECE, tap);
    let mut content = decoder(&mut tap).map_err(failed)?;
    let mut total = 0_u64;
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        let mut next = content.by_ref().take(PIECE as u64);
        next.read_to_end(&mut piece).map_err(failed)?;
        if piece.is_empty() {
            break;
        }
        total += piece.len() as u64;
        if total > ALLOWANCE + RATIO * taken.load(Ordering::Relaxed) {
            let layer = layer.label.clone();
            return Err(Some(ImageError::Expansion {
                layer,
                ratio: RATIO,
            }));
        }
        sender.send(Message::Content(piece)).map_err(|_| None)?;
    }
    drop(content);
    // Whatever follows the compressed data counts for the digest.
    io::copy(&mut tap, &mut io::sink()).map_err(failed)?;
    Ok(tap.into_inner().finish(layer.digest.as_ref())?)
}

impl Layer {
    fn failed(&self, source: LayerError) -> ImageError {
        let layer = self.label.clone();
        ImageError::Layer { layer, source }
    }
}

fn unpack_all(
    layers: &[Layer],
    receiver: &Receiver<Message>,
    root: &Root,
) -> Result<(), ImageError> {
    for layer in layers {
        let mut content = Content {
            receiver,
            hash: Sha256::new(),
            piece: Vec::new(),
            position: 0,
            ended: false,
        };
        apply_layer(root, &mut content).map_err(|error| layer.failed(error))?;
        if let Some(expected) = &layer.diff_id {
            let found = Digest::of_hash(content.hash);
            expected.expect(&found, "unpacked layer")?;
        }
    }
    Ok(())
}

/// The content of one layer, as it arrives from the reading thread.
struct Content<'a> {
    receiver: &'a Receiver<Message>,
    hash: Sha256,
    piece: Vec<u8>,
    position: usize,
    ended: bool,
}

impl BufRead for Content<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position == self.piece.len() && !self.ended {
            (self.piece, self.position) = match self.receiver.recv() {
                Ok(Message::Content(piece)) => (piece, 0),
                Ok(Message::LayerEnds) => {
                    self.ended = true;
                    (Vec::new(), 0)
                }
                Err(_) => return Err(io::ErrorKind::UnexpectedEof.into()),
            };
            self.hash.update(&self.piece);
        }
        Ok(&self.piece[self.position..])
    }

    fn consume(&mut self, bytes: usize) {
        self.position += bytes;
    }
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut piece = self.fill_buf()?;
        let bytes = piece.read(buffer)?;
        self.consume(bytes);
        Ok(bytes)
    }
}

/// Passes a layer's bytes on, hashes and counts them, and writes down what is to be kept.
struct Tap<'a> {
    bytes: Box<dyn Read + Send + 'a>,
    hash: Sha256,
    taken: Arc<AtomicU64>,
    kept: Option<(NamedTempFile, PathBuf)>,
    interrupt: &'a Interrupt,
}

impl<'a> Tap<'a> {
    fn new(
        bytes: Box<dyn Read + Send + 'a>,
        taken: Arc<AtomicU64>,
        keeping: &Keeping,
        interrupt: &'a Interrupt,
    ) -> Result<Self, ImageError> {
        let kept = match keeping {
            Keeping::Nothing => None,
            Keeping::In(layers) => {
                let file = store::part_file(layers);
                let action = format!("write to {}", layers.display());
                Some((file.map_err(ImageError::io(action))?, layers.clone()))
            }
        };
        Ok(Self {
            bytes,
            hash: Sha256::new(),
            taken,
            kept,
            interrupt,
        })
    }

    /// Checks what has been read, and gives the kept file its name.
    fn finish(self, expected: Option<&Digest>) -> Result<Blob, ImageError> {
        let digest = Digest::of_hash(self.hash);
        if let Some(expected) = expected {
            expected.expect(&digest, "layer")?;
        }
        if let Some((file, layers)) = self.kept {
            let path = layers.join(digest.as_str());
            let action = format!("write {}", path.display());
            file.persist(path)
                .map_err(|error| ImageError::io(action)(error.error))?;
        }
        let size = self.taken.load(Ordering::Relaxed);
        Ok(Blob { digest, size })
    }
}

impl Read for Tap<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.interrupt.is_set() {
            return Err(io::Error::other("interrupted"));
        }
        let bytes = self.bytes.read(buffer)?;
        let read = &buffer[..bytes];
        self.hash.update(read);
        self.taken.fetch_add(bytes as u64, Ordering::Relaxed);
        if let Some((file, _)) = &mut self.kept {
            file.write_all(read)?;
        }
        Ok(bytes)
    }
}
