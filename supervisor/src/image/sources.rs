//! Layers in the store's files and on their way from a registry.

use std::{
    fs::File,
    io::{self, Read},
    path::PathBuf,
};

use bytes::{Buf as _, Bytes};
use tokio::sync::mpsc::Receiver;

use super::{
    Digest, ImageError,
    pipeline::{Hashed, Opened, Source},
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
                    bytes: Box::new(File::open(path).map_err(failed)?),
                    hashed: Hashed::ByReader,
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

impl Read for Arriving<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            if self.digest.is_some() {
                return Ok(0);
            }
            match self.deliveries.blocking_recv() {
                Some(Delivery::Piece(piece)) => self.piece = piece,
                Some(Delivery::Whole(digest)) => *self.digest = Some(digest),
                Some(Delivery::Failed(error)) => {
                    *self.failure = Some(error);
                    return Err(io::Error::other("the download failed"));
                }
                // The download has been given up.
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let bytes = self.piece.remaining().min(buffer.len());
        self.piece.copy_to_slice(&mut buffer[..bytes]);
        Ok(bytes)
    }
}
