//! What goes from the reading thread to the unpacking one: the content of layers, in pieces that are used again.

use std::{
    io::{self, BufRead, Read},
    sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
};

use super::super::{Digest, ImageError, digest::Hash};

/// Bytes decompressed at a time: several times what a decompressor must remember, which it copies each time.
const PIECE: usize = 256 * 1024;
/// Pieces that wait to be unpacked.
const PIECES: usize = 16;

/// What goes from the reading thread to the unpacking one.
pub(super) enum Message {
    Content(Vec<u8>),
    LayerEnds,
}

/// The reading thread's end.
pub(super) struct Outlet {
    messages: SyncSender<Message>,
    used: Receiver<Vec<u8>>,
}

/// The unpacking thread's end. It hands pieces back: fresh memory costs more than filling it.
pub(super) struct Inlet {
    messages: Receiver<Message>,
    used: Sender<Vec<u8>>,
}

/// Both ends.
pub(super) fn channels() -> (Outlet, Inlet) {
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
    pub(super) fn fill(&self, content: &mut dyn Read) -> io::Result<Vec<u8>> {
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
    pub(super) fn send(&self, message: Message) -> Result<(), Option<ImageError>> {
        self.messages.send(message).map_err(|_| None)
    }
}

/// The content of one layer, as it arrives from the reading thread.
pub(super) struct Content<'a> {
    inlet: &'a Inlet,
    hash: Hash,
    piece: Vec<u8>,
    position: usize,
    ended: bool,
}

impl<'a> Content<'a> {
    /// Of the next layer.
    pub(super) fn of(inlet: &'a Inlet) -> Self {
        Self {
            inlet,
            hash: Hash::default(),
            piece: Vec::new(),
            position: 0,
            ended: false,
        }
    }

    /// The digest of what has been read of it.
    pub(super) fn digest(self) -> Digest {
        self.hash.finish()
    }
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
