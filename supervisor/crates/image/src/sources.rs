//! Layers in the store's files and on their way from a registry.

use std::{
    fs::File,
    io::{self, BufRead, Read},
    path::PathBuf,
};

use bytes::{Buf as _, Bytes};
use tokio::sync::mpsc::Receiver;

use super::{
    Digest, ImageError,
    pipeline::{Found, Hashed, Opened, Source},
};

/// What arrives of a layer.
pub(crate) enum Delivery {
    /// Some of its bytes.
    Piece(Bytes),
    /// That was all, and this is its digest.
    Whole(Digest),
    /// No more will come.
    Failed(ImageError),
}

/// Where one layer is.
pub(crate) enum Origin {
    /// In the store.
    File(PathBuf),
    /// On its way.
    Stream(Receiver<Delivery>),
}

/// The layers of an image, each from where it is.
pub(crate) struct Origins {
    layers: Vec<Origin>,
    digest: Option<Digest>,
    failure: Option<ImageError>,
}

impl Origins {
    pub(crate) fn new(layers: Vec<Origin>) -> Self {
        Self {
            layers,
            digest: None,
            failure: None,
        }
    }
}

impl Source for Origins {
    fn open(&mut self, index: usize) -> Result<Opened<'_>, ImageError> {
        self.digest = None;
        match self.layers.get_mut(index) {
            Some(Origin::File(path)) => {
                let failed = ImageError::io(format!("read {}", path.display()));
                Ok(Opened {
                    found: Found::InStore,
                    ..Opened::of(File::open(path).map_err(failed)?)
                })
            }
            Some(Origin::Stream(deliveries)) => Ok(Opened {
                bytes: Box::new(Arriving {
                    deliveries,
                    piece: Bytes::new(),
                    digest: &mut self.digest,
                    failure: &mut self.failure,
                }),
                hashed: Hashed::BySource,
                found: Found::Elsewhere,
            }),
            None => Err(ImageError::Interrupted),
        }
    }

    fn digest(&mut self) -> Option<Digest> {
        self.digest.take()
    }

    fn failure(&mut self) -> Option<ImageError> {
        self.failure.take()
    }
}

/// Bytes as they arrive, hashed by the thread that brings them: the one that reads has more to do.
struct Arriving<'a> {
    deliveries: &'a mut Receiver<Delivery>,
    piece: Bytes,
    digest: &'a mut Option<Digest>,
    failure: &'a mut Option<ImageError>,
}

impl Arriving<'_> {
    /// The next piece; an empty one at the end.
    fn next(&mut self) -> io::Result<Bytes> {
        if self.digest.is_some() {
            return Ok(Bytes::new());
        }
        match self.deliveries.blocking_recv() {
            Some(Delivery::Piece(piece)) => Ok(piece),
            Some(Delivery::Whole(digest)) => {
                *self.digest = Some(digest);
                Ok(Bytes::new())
            }
            Some(Delivery::Failed(error)) => {
                *self.failure = Some(error);
                Err(io::Error::other("the download failed"))
            }
            // The download has been given up.
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl BufRead for Arriving<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.piece.is_empty() {
            self.piece = self.next()?;
        }
        Ok(&self.piece)
    }

    fn consume(&mut self, bytes: usize) {
        self.piece.advance(bytes);
    }
}

impl Read for Arriving<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?.read(buffer)?;
        self.consume(bytes);
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[test]
    fn pieces_come_one_after_the_other_to_the_last() {
        let (sender, receiver) = mpsc::channel(9);
        for piece in ["a", "b", "cd", "e"] {
            let piece = Bytes::from_static(piece.as_bytes());
            sender.try_send(Delivery::Piece(piece)).ok().unwrap();
        }
        let whole = Delivery::Whole(Digest::of(b"abcde"));
        sender.try_send(whole).ok().unwrap();
        let mut origins = Origins::new(vec![Origin::Stream(receiver)]);
        let mut all = String::new();
        let mut bytes = origins.open(0).unwrap().bytes;
        bytes.read_to_string(&mut all).unwrap();
        drop(bytes);
        assert_eq!(all, "abcde");
        assert_eq!(origins.digest(), Some(Digest::of(b"abcde")));
    }
}
