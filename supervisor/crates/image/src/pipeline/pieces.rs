//! What goes from the reading thread to the unpacking one: the content of layers, in pieces that are used again.

use std::{
    cell::Cell,
    io::{self, BufRead, Read},
    sync::{
        Arc,
        mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel},
    },
};

use super::{
    super::{Digest, ImageError},
    digests::{Digests, Message},
};

/// Bytes decompressed at a time: several times what a decompressor must remember, which it copies each time.
const PIECE: usize = 256 * 1024;
/// Pieces that wait to be unpacked.
const PIECES: usize = 16;

/// The reading thread's end.
pub(super) struct Outlet {
    messages: SyncSender<Message>,
    used: Receiver<Vec<u8>>,
    digests: Arc<Digests>,
}

/// The unpacking thread's end. It hands pieces back: fresh memory costs more than filling it.
pub(super) struct Inlet {
    messages: Receiver<Message>,
    used: Sender<Vec<u8>>,
    digests: Arc<Digests>,
    /// Messages that have been received.
    received: Cell<u64>,
}

/// Both ends.
pub(super) fn channels() -> (Outlet, Inlet) {
    let (sender, messages) = sync_channel(PIECES);
    let (back, used) = channel();
    let digests = Arc::new(Digests::default());
    let outlet = Outlet {
        messages: sender,
        used,
        digests: Arc::clone(&digests),
    };
    let inlet = Inlet {
        messages,
        used: back,
        digests,
        received: Cell::new(0),
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

    /// Sends the next bytes of a layer.
    ///
    /// # Errors
    /// None, where the other thread has stopped.
    pub(super) fn send(&self, piece: Vec<u8>) -> Result<(), Option<ImageError>> {
        self.pass(Message::Content(Arc::new(piece)))
    }

    /// Says that all of a layer has been sent; fails likewise.
    pub(super) fn end_layer(&self) -> Result<(), Option<ImageError>> {
        self.pass(Message::LayerEnds)
    }

    /// While there is no room, there is time.
    fn pass(&self, mut message: Message) -> Result<(), Option<ImageError>> {
        self.digests.add(message.clone());
        loop {
            message = match self.messages.try_send(message) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(message)) => message,
                Err(TrySendError::Disconnected(_)) => return Err(None),
            };
            if !self.digests.help() {
                return self.messages.send(message).map_err(|_| None);
            }
        }
    }
}

impl Inlet {
    fn receive(&self) -> io::Result<Message> {
        let message = self.messages.recv();
        let message = message.map_err(|_| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        self.received.set(self.received.get() + 1);
        self.digests.up_to(self.received.get());
        Ok(message)
    }

    fn give_back(&self, piece: Arc<Vec<u8>>) {
        if let Ok(piece) = Arc::try_unwrap(piece) {
            let _ended = self.used.send(piece);
        }
    }
}

/// The content of one layer, as it arrives from the reading thread.
pub(super) struct Content<'a> {
    inlet: &'a Inlet,
    piece: Arc<Vec<u8>>,
    position: usize,
    ended: bool,
}

impl<'a> Content<'a> {
    /// Of the next layer.
    pub(super) fn of(inlet: &'a Inlet) -> Self {
        Self {
            inlet,
            piece: Arc::default(),
            position: 0,
            ended: false,
        }
    }

    /// Its digest, once it has been read to its end.
    pub(super) fn digest(self) -> Option<Digest> {
        self.inlet.digests.next()
    }
}

impl BufRead for Content<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position == self.piece.len() && !self.ended {
            self.position = 0;
            self.inlet.give_back(std::mem::take(&mut self.piece));
            match self.inlet.receive()? {
                Message::Content(piece) => self.piece = piece,
                Message::LayerEnds => self.ended = true,
            }
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
