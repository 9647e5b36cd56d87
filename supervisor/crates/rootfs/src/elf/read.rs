//! Bounded reads of a file, and the little-endian numbers in what is read.

use std::{fs::File, io, os::unix::fs::FileExt as _};

/// Bytes that memory is taken for at a time: a file that promises more than it holds costs no more than this.
const PIECE: usize = 4096;

/// The `length` bytes at `offset`.
///
/// # Errors
/// The operating system's; `InvalidData` for more than `limit` bytes, `UnexpectedEof` for a file that ends before.
pub(super) fn read_at(file: &File, offset: u64, length: u64, limit: u64) -> io::Result<Vec<u8>> {
    let wanted = usize::try_from(length).ok().filter(|_| length <= limit);
    let wanted = wanted.ok_or_else(|| invalid("it has a table of more bytes than is sensible"))?;
    if offset.checked_add(length).is_none() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut bytes = Vec::new();
    while bytes.len() < wanted {
        let start = bytes.len();
        bytes.resize(wanted.min(start + PIECE), 0);
        file.read_exact_at(&mut bytes[start..], offset + start as u64)?;
    }
    Ok(bytes)
}

/// The error of a file that is not what it says.
pub(super) fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// The number of `size` bytes at `at`; zero past the end.
pub(super) fn u64_in(bytes: &[u8], at: usize, size: usize) -> u64 {
    let field = bytes.get(at..).and_then(|rest| rest.get(..size));
    let digits = field.unwrap_or_default().iter().rev();
    digits.fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

/// The number of two bytes at `at`; zero past the end.
pub(super) fn u16_in(bytes: &[u8], at: usize) -> u16 {
    u16::try_from(u64_in(bytes, at, 2)).unwrap_or(u16::MAX)
}

/// The number of four bytes at `at`; zero past the end.
pub(super) fn u32_in(bytes: &[u8], at: usize) -> u32 {
    u32::try_from(u64_in(bytes, at, 4)).unwrap_or(u32::MAX)
}
