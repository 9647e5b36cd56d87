//! The buffer that an archive is written into.

use std::io::{self, Seek, SeekFrom, Write};

/// Bytes in memory, up to a limit. Beyond it, bytes are only counted and nothing is kept. That is no error, because the
/// writer of an archive prints errors to standard error when it is dropped.
pub(super) struct Bounded {
    /// `None` once there were too many.
    pub(super) bytes: Option<Vec<u8>>,
    position: u64,
    length: u64,
    limit: usize,
}

impl Bounded {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            bytes: Some(Vec::new()),
            position: 0,
            length: 0,
            limit,
        }
    }
}

impl Write for Bounded {
    fn write(&mut self, new: &[u8]) -> io::Result<usize> {
        let start = usize::try_from(self.position).unwrap_or(usize::MAX);
        let end = start.saturating_add(new.len());
        self.bytes = self.bytes.take().filter(|_| end <= self.limit);
        if let Some(bytes) = &mut self.bytes {
            bytes.resize(bytes.len().max(end), 0);
            if let Some(place) = bytes.get_mut(start..end) {
                place.copy_from_slice(new);
            }
        }
        self.position = end as u64;
        self.length = self.length.max(self.position);
        Ok(new.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Bounded {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let moved = match to {
            SeekFrom::Start(to) => Some(to),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = moved.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
