//! The content of an archive that is compressed as a whole: read until the work is to stop, and no more of it than an image
//! can have.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    decode::{LARGEST_WINDOW, decoder},
    interrupt::{Interrupt, Interruptible},
};

/// What an archive may always unpack to, in bytes.
const ALLOWANCE: u64 = 1024 * 1024 * 1024;
/// What it may unpack to beyond that, in times its size: as much as gzip reaches with zeros. The layers in it have limits of their
/// own.
const RATIO: u64 = 1_032;

/// The decompressed archive.
pub(super) struct Inflated {
    content: Interruptible<Box<dyn Read + Send>>,
    /// Compressed bytes that have been read.
    taken: Arc<AtomicU64>,
    total: u64,
}

impl Inflated {
    pub(super) fn new(file: BufReader<File>, interrupt: &Interrupt) -> io::Result<Self> {
        let taken = Arc::new(AtomicU64::new(0));
        let reader = Interruptible {
            reader: Metered {
                reader: file,
                taken: Arc::clone(&taken),
            },
            interrupt: interrupt.clone(),
        };
        let content = Interruptible {
            reader: decoder(BufReader::new(reader), LARGEST_WINDOW)?,
            interrupt: interrupt.clone(),
        };
        Ok(Self {
            content,
            taken,
            total: 0,
        })
    }
}

impl Read for Inflated {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.content.read(buffer)?;
        self.total += bytes as u64;
        if self.total > ALLOWANCE + RATIO * self.taken.load(Ordering::Relaxed) {
            let reason = format!("it unpacks to more than {RATIO} times its size");
            return Err(io::Error::other(reason));
        }
        Ok(bytes)
    }
}

/// Counts what is read.
struct Metered<R> {
    reader: R,
    taken: Arc<AtomicU64>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.reader.read(buffer)?;
        self.taken.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(bytes)
    }
}
