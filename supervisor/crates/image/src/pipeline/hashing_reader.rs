//! What looks at the bytes of a layer as they pass.

use std::{
    io::{self, BufRead, Read, Write as _},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tempfile::NamedTempFile;

use super::{
    super::{Digest, ImageError, digest::Hash, interrupt::Interrupt, store},
    Blob, Found, Hashed, Keeping, Opened, READING,
};

/// Passes a layer's bytes on, hashes and counts them, and writes down what is to be kept.
pub(super) struct HashingReader<'a> {
    bytes: Box<dyn BufRead + Send + 'a>,
    /// Bytes in the buffer that have been looked at.
    seen: usize,
    hash: Option<Hash>,
    taken: Arc<AtomicU64>,
    kept: Option<(NamedTempFile, PathBuf)>,
    interrupt: &'a Interrupt,
}

/// What is known of a layer's bytes when all have passed.
pub(super) struct Passed {
    hash: Option<Hash>,
    size: u64,
    kept: Option<(NamedTempFile, PathBuf)>,
}

impl<'a> HashingReader<'a> {
    pub(super) fn new(
        opened: Opened<'a>,
        taken: Arc<AtomicU64>,
        keeping: &Keeping,
        interrupt: &'a Interrupt,
    ) -> Result<Self, ImageError> {
        let kept = match (keeping, opened.found) {
            (Keeping::Nothing, _) | (_, Found::InStore) => None,
            (Keeping::In(layers), Found::Elsewhere) => {
                let file = store::part_file(layers);
                let action = format!("write to {}", layers.display());
                Some((file.map_err(ImageError::io(action))?, layers.clone()))
            }
        };
        Ok(Self {
            bytes: opened.bytes,
            seen: 0,
            hash: match opened.hashed {
                Hashed::BySource => None,
                Hashed::ByReader => Some(Hash::default()),
            },
            taken,
            kept,
            interrupt,
        })
    }

    /// All have passed.
    pub(super) fn passed(self) -> Passed {
        Passed {
            hash: self.hash,
            size: self.taken.load(Ordering::Relaxed),
            kept: self.kept,
        }
    }
}

impl Passed {
    /// Checks what has been read, `of_source` being its digest where the source has hashed it, and gives the kept file its
    /// name.
    pub(super) fn finish_reading(
        self,
        of_source: Option<Digest>,
        expected: Option<&Digest>,
    ) -> Result<Blob, ImageError> {
        let own = self.hash.map(Hash::finish);
        let digest = own
            .or(of_source)
            .ok_or_else(|| ImageError::internal(READING, "a layer has no digest"))?;
        if let Some(expected) = expected {
            expected.expect(&digest, "layer")?;
        }
        if let Some((file, layers)) = self.kept {
            let path = layers.join(digest.as_str());
            let action = format!("write {}", path.display());
            file.persist(path)
                .map_err(|error| ImageError::io(action)(error.error))?;
        }
        let size = self.size;
        Ok(Blob { digest, size })
    }
}

impl BufRead for HashingReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.interrupt.check()?;
        let buffered = self.bytes.fill_buf()?;
        let new = buffered.get(self.seen..).unwrap_or_default();
        if let Some(hash) = &mut self.hash {
            hash.update(new);
        }
        self.taken.fetch_add(new.len() as u64, Ordering::Relaxed);
        if let Some((file, _)) = &mut self.kept {
            file.write_all(new)?;
        }
        self.seen = buffered.len();
        Ok(buffered)
    }

    fn consume(&mut self, bytes: usize) {
        self.seen = self.seen.saturating_sub(bytes);
        self.bytes.consume(bytes);
    }
}

impl Read for HashingReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?.read(buffer)?;
        self.consume(bytes);
        Ok(bytes)
    }
}
