//! Layers on their way into a root: one thread reads, checks and decompresses, another unpacks, and a few buffers
//! between them are all that is held of a layer.

use std::{
    io::{self, BufRead, BufReader, Read, Write as _},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
};

use tempfile::NamedTempFile;

use super::{
    Digest, ImageError,
    decode::decoder,
    digest::Hash,
    store,
    unpack::{LayerError, Root, apply_layer},
};

/// Bytes decompressed at a time: several times what a decompressor must remember, which it copies each time.
const PIECE: usize = 256 * 1024;
/// Pieces that wait to be unpacked.
const PIECES: usize = 16;
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

/// What goes from the reading thread to the unpacking one.
enum Message {
    Content(Vec<u8>),
    LayerEnds,
}

/// The reading thread's end.
struct Outlet {
    messages: SyncSender<Message>,
    used: Receiver<Vec<u8>>,
}

/// The unpacking thread's end. It hands pieces back: fresh memory costs more than filling it.
struct Inlet {
    messages: Receiver<Message>,
    used: Sender<Vec<u8>>,
}

fn channels() -> (Outlet, Inlet) {
    let (sender, messages) = sync_channel(PIECES);
    let (back, used) = channel();
    let outlet = Outlet {
        messages: sender,
        used,
    };
    let inlet = Inlet {
        messages,
        used: back,
    };
    (outlet, inlet)
}

impl Outlet {
    /// The next bytes of `content`, as many as go into a piece; fewer only at its end.
    fn fill(&self, content: &mut dyn Read) -> io::Result<Vec<u8>> {
        let mut piece = self.used.try_recv().unwrap_or_default();
        piece.resize(PIECE, 0);
        let mut filled = 0;
        while filled < PIECE {
            match content.read(&mut piece[filled..]) {
                Ok(0) => break,
                Ok(bytes) => filled += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        piece.truncate(filled);
        Ok(piece)
    }

    /// Fails where the other thread has stopped.
    fn send(&self, message: Message) -> Result<(), Option<ImageError>> {
        self.messages.send(message).map_err(|_| None)
    }
}

/// The error is none where the other thread has stopped.
fn read_all(
    layers: &[Layer],
    source: &mut dyn Source,
    keeping: &Keeping,
    interrupt: &Interrupt,
    outlet: &Outlet,
) -> Result<Vec<Blob>, Option<ImageError>> {
    let mut blobs = Vec::new();
    for (index, layer) in layers.iter().enumerate() {
        let read = read_layer(layer, source.open(index)?, keeping, interrupt, outlet);
        let blob = read.map_err(|error| match error {
            Some(_) if interrupt.is_set() => Some(ImageError::Interrupted),
            Some(error) => Some(source.failure().unwrap_or(error)),
            None => None,
        })?;
        blobs.push(blob);
        outlet.send(Message::LayerEnds)?;
    }
    Ok(blobs)
}

fn read_layer(
    layer: &Layer,
    bytes: Box<dyn Read + Send + '_>,
    keeping: &Keeping,
    interrupt: &Interrupt,
    outlet: &Outlet,
) -> Result<Blob, Option<ImageError>> {
    let failed = |source| layer.failed(LayerError::Read(source));
    let taken = Arc::new(AtomicU64::new(0));
    let tap = Tap::new(bytes, Arc::clone(&taken), keeping, interrupt)?;
    let mut tap = BufReader::with_capacity(PIECE, tap);
    let mut content = decoder(&mut tap).map_err(failed)?;
    let mut total = 0_u64;
    loop {
        let piece = outlet.fill(&mut content).map_err(failed)?;
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
        outlet.send(Message::Content(piece))?;
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

fn unpack_all(layers: &[Layer], inlet: &Inlet, root: &Root) -> Result<(), ImageError> {
    for layer in layers {
        let mut content = Content {
            inlet,
            hash: Hash::default(),
            piece: Vec::new(),
            position: 0,
            ended: false,
        };
        apply_layer(root, &mut content).map_err(|error| layer.failed(error))?;
        if let Some(expected) = &layer.diff_id {
            let found = content.hash.finish();
            expected.expect(&found, "unpacked layer")?;
        }
    }
    Ok(())
}

/// The content of one layer, as it arrives from the reading thread.
struct Content<'a> {
    inlet: &'a Inlet,
    hash: Hash,
    piece: Vec<u8>,
    position: usize,
    ended: bool,
}

impl BufRead for Content<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position == self.piece.len() && !self.ended {
            let _ended = self.inlet.used.send(std::mem::take(&mut self.piece));
            (self.piece, self.position) = match self.inlet.messages.recv() {
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
    hash: Hash,
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
            hash: Hash::default(),
            taken,
            kept,
            interrupt,
        })
    }

    /// Checks what has been read, and gives the kept file its name.
    fn finish(self, expected: Option<&Digest>) -> Result<Blob, ImageError> {
        let digest = self.hash.finish();
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
