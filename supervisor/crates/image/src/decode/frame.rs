//! Headers of zstd frames (RFC 8878, section 3.1.1.1). They state how much memory a frame takes, so they are read before a
//! decompressor sees them.

use std::io::{self, Read};

/// Window that every usual compression level stays within, in bytes: levels up to 19 of zstd.
pub(crate) const USUAL_WINDOW: u64 = 8 * 1024 * 1024;
/// Largest window that is accepted, in bytes: the best level of the library that Docker and Podman compress with has
/// this one. A decompressor holds twice as much.
pub(crate) const LARGEST_WINDOW: u64 = 32 * 1024 * 1024;
/// Bytes of the largest header, the magic number included.
pub(super) const LARGEST_HEADER: usize = 18;

/// Bytes of the field that holds the size of the content, by the two highest bits of the descriptor.
const SIZE_BYTES: [usize; 4] = [0, 2, 4, 8];
/// Bytes of the field that names the dictionary, by the two lowest bits of the descriptor.
const DICTIONARY_BYTES: [usize; 4] = [0, 1, 2, 4];

/// What a frame's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Header {
    /// Content, decompressed with a window of so many bytes.
    Frame { window: u64 },
    /// So many bytes without content follow.
    Skippable { length: u32 },
}

/// Reads a header from `reader` and appends its bytes to `bytes`.
pub(super) fn read_header(reader: &mut impl Read, bytes: &mut Vec<u8>) -> io::Result<Header> {
    let magic = take(reader, bytes, 4)?;
    if (0x184d_2a50..=0x184d_2a5f).contains(&magic) {
        let length = u32::try_from(take(reader, bytes, 4)?).map_err(io::Error::other)?;
        return Ok(Header::Skippable { length });
    }
    let descriptor = take(reader, bytes, 1)?;
    let is_single_segment = descriptor & 0b10_0000 != 0;
    let bits = |from: u64, to: [usize; 4]| to[usize::try_from(from & 3).unwrap_or_default()];
    let window = if is_single_segment {
        None
    } else {
        let window = take(reader, bytes, 1)?;
        let base = 1_u64 << (10 + (window >> 3));
        Some(base + base / 8 * (window & 7))
    };
    take(reader, bytes, bits(descriptor, DICTIONARY_BYTES))?;
    let size_bytes = match bits(descriptor >> 6, SIZE_BYTES) {
        0 if is_single_segment => 1,
        bytes => bytes,
    };
    let size = take(reader, bytes, size_bytes)?;
    let size = if size_bytes == 2 { size + 256 } else { size };
    Ok(Header::Frame {
        window: window.unwrap_or(size),
    })
}

/// The next `count` bytes, at most eight, as a number whose lowest byte comes first.
fn take(reader: &mut impl Read, bytes: &mut Vec<u8>, count: usize) -> io::Result<u64> {
    let mut field = [0; 8];
    let read = &mut field[..count];
    reader.read_exact(read)?;
    bytes.extend_from_slice(read);
    Ok(u64::from_le_bytes(field))
}
