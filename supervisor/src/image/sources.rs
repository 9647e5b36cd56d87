//! Layers in the store's files and on their way from a registry.

use std::{
    fs::File,
    io::{self, Read},
    path::PathBuf,
};

use bytes::{Buf as _, Bytes};
use tokio::sync::mpsc::Receiver;

use super::{ImageError, pipeline::Source};

/// Where one layer is.
pub(crate) enum Origin {
    /// In the store.
    File(PathBuf),
    /// On its way.
    Stream(Receiver<Result<Bytes, ImageError>>),
}

/// The layers of an image, each from where it is.
pub(crate) struct Origins {
    layers: Vec<Origin>,
    failure: Option<ImageError>,
}

impl Origins {
    pub(crate) fn new(layers: Vec<Origin>) -> Self {
        Self {
            layers,
            failure: None,
        }
    }
}

impl Source for Origins {
    fn open(&mut self, index: usize) -> Result<Box<dyn Read + Send + '_>, ImageError> {
        match self.layers.get_mut(index) {
            Some(Origin::File(path)) => {
                let failed = ImageError::io(format!("read {}", path.display()));
                Ok(Box::new(File::open(path).map_err(failed)?))
            }
            Some(Origin::Stream(pieces)) => Ok(Box::new(Arriving {
                pieces,
                piece: Bytes::new(),
                failure: &mut self.failure,
            })),
            None => Err(ImageError::Interrupted),
        }
    }

    fn failure(&mut self) -> Option<ImageError> {
        self.failure.take()
    }
}

/// Bytes as they arrive. A stream that is cut off looks like one that ends; the digest tells.
struct Arriving<'a> {
    pieces: &'a mut Receiver<Result<Bytes, ImageError>>,
    piece: Bytes,
    failure: &'a mut Option<ImageError>,
}

impl Read for Arriving<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.pieces.blocking_recv() {
                Some(Ok(piece)) => self.piece = piece,
                Some(Err(error)) => {
                    *self.failure = Some(error);
                    return Err(io::Error::other("the download failed"));
                }
                None => return Ok(0),
            }
        }
        let bytes = self.piece.remaining().min(buffer.len());
        self.piece.copy_to_slice(&mut buffer[..bytes]);
        Ok(bytes)
    }
}
