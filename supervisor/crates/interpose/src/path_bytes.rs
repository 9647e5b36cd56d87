//! A path of limited length that ends in a zero byte, without a heap.

use crate::errno::Errno;

/// Longest path, without the zero at its end (`PATH_MAX` − 1).
pub const LONGEST: usize = 4095;

/// A path as system calls take it.
#[derive(Clone)]
pub struct PathBytes {
    bytes: [u8; LONGEST + 1],
    len: usize,
}

impl Default for PathBytes {
    fn default() -> Self {
        Self::new()
    }
}

impl PathBytes {
    /// An empty path.
    pub const fn new() -> Self {
        Self {
            bytes: [0; LONGEST + 1],
            len: 0,
        }
    }

    /// The path `bytes`.
    ///
    /// # Errors
    /// `ENAMETOOLONG` where it does not fit.
    pub fn from(bytes: &[u8]) -> Result<Self, Errno> {
        let mut path = Self::new();
        path.push(bytes)?;
        Ok(path)
    }

    /// The path without the zero at its end.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// The path with the zero at its end.
    pub fn with_nul(&self) -> &[u8] {
        &self.bytes[..=self.len]
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    /// `ENAMETOOLONG` where they do not fit; the path is as it was.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        let end = self.len + bytes.len();
        if end > LONGEST {
            return Err(Errno::ENAMETOOLONG);
        }
        self.bytes[self.len..end].copy_from_slice(bytes);
        self.bytes[end] = 0;
        self.len = end;
        Ok(())
    }

    /// Replaces everything by `bytes`.
    ///
    /// # Errors
    /// `ENAMETOOLONG` where they do not fit; the path is empty then.
    pub fn set(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        self.truncate(0);
        self.push(bytes)
    }

    /// Keeps the first `len` bytes; longer than it is changes nothing.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
        self.bytes[self.len] = 0;
    }

    /// Removes the last component and the slash before it.
    pub fn pop_component(&mut self) {
        let slash = self.as_bytes().iter().rposition(|&byte| byte == b'/');
        self.truncate(slash.unwrap_or(0));
    }

    /// The whole buffer, to be filled by somebody else; [`Self::set_len`] tells how much of it counts.
    pub fn buffer(&mut self) -> &mut [u8] {
        &mut self.bytes[..LONGEST]
    }

    /// Takes the first `len` bytes of the buffer as the path, [`LONGEST`] at most.
    pub fn set_len(&mut self, len: usize) {
        self.len = len.min(LONGEST);
        self.bytes[self.len] = 0;
    }
}
