//! The header of a file, and its tables of segments and sections.

use std::{fs::File, io, os::unix::fs::FileExt as _};

use super::read::{invalid, read_at, u16_in, u32_in, u64_in};

/// Most bytes of segment headers: Linux runs nothing that has more (`load_elf_phdrs`).
const MOST_SEGMENTS: u64 = 1 << 16;
/// Most bytes of section headers, far more than those of the largest C library.
const MOST_SECTIONS: u64 = 1 << 20;

/// The width of addresses and offsets (`EI_CLASS`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Elf32,
    Elf64,
}

impl Class {
    /// Bytes of an address.
    pub(super) fn word(self) -> usize {
        match self {
            Self::Elf32 => 4,
            Self::Elf64 => 8,
        }
    }

    /// Bytes of a segment's header.
    fn segment_size(self) -> u16 {
        match self {
            Self::Elf32 => 32,
            Self::Elf64 => 56,
        }
    }
}

/// A table in the file.
#[derive(Debug)]
struct Table {
    offset: u64,
    /// Bytes of an entry.
    size: u16,
    count: u16,
}

impl Table {
    fn bytes(&self, file: &File, limit: u64) -> io::Result<Vec<u8>> {
        let length = u64::from(self.size) * u64::from(self.count);
        read_at(file, self.offset, length, limit)
    }
}

/// A segment's header.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) kind: u32,
    pub(super) offset: u64,
    /// Its bytes in the file.
    pub(super) size: u64,
}

/// A section's header, of a 64-bit file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) kind: u32,
    pub(super) offset: u64,
    /// Its bytes in the file.
    pub(super) size: u64,
    /// The number of the section it refers to.
    pub(super) link: u32,
}

/// What a file begins with.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) machine: u16,
    pub(super) class: Class,
    /// What the file says (`EI_DATA`). Linux does not look at it and reads all numbers as its own, and so does this.
    pub(super) is_little_endian: bool,
    segments: Table,
    sections: Table,
}

impl Header {
    /// The header of `file`; none if it is something else or too short.
    pub(super) fn read(file: &File) -> io::Result<Option<Self>> {
        let mut start = [0; 64];
        let length = file.read_at(&mut start, 0)?;
        Ok(start.get(..length).and_then(Self::parse))
    }

    fn parse(start: &[u8]) -> Option<Self> {
        let (class, length) = match start.strip_prefix(b"\x7fELF")?.first()? {
            1 => (Class::Elf32, 52),
            2 => (Class::Elf64, 64),
            _ => return None,
        };
        let start = start.get(..length)?;
        let word = class.word();
        // The fields before the tables' offsets are 24 bytes and an address; those before their sizes another 6 bytes.
        let (offsets, sizes) = (24 + word, 24 + 3 * word + 6);
        Some(Self {
            machine: u16_in(start, 18),
            class,
            is_little_endian: start.get(5) == Some(&1),
            segments: Table {
                offset: u64_in(start, offsets, word),
                size: u16_in(start, sizes),
                count: u16_in(start, sizes + 2),
            },
            sections: Table {
                offset: u64_in(start, offsets + word, word),
                size: u16_in(start, sizes + 4),
                count: u16_in(start, sizes + 6),
            },
        })
    }

    /// The headers of the segments.
    pub(super) fn segments(&self, file: &File) -> io::Result<Vec<Segment>> {
        if self.segments.count == 0 {
            return Ok(Vec::new());
        }
        let size = self.class.segment_size();
        if self.segments.size != size {
            return Err(invalid("its program headers are of an unknown size"));
        }
        let table = self.segments.bytes(file, MOST_SEGMENTS)?;
        let headers = table.chunks_exact(size.into());
        Ok(headers.map(|header| self.segment(header)).collect())
    }

    fn segment(&self, header: &[u8]) -> Segment {
        let word = self.class.word();
        // p_flags stands before p_offset in 64-bit files only.
        let offset = word;
        Segment {
            kind: u32_in(header, 0),
            offset: u64_in(header, offset, word),
            size: u64_in(header, offset + 3 * word, word),
        }
    }

    /// The headers of the sections; none of a 32-bit file, and of one that has none.
    pub(super) fn sections(&self, file: &File) -> io::Result<Vec<Section>> {
        if self.class != Class::Elf64 || self.sections.size < 64 {
            return Ok(Vec::new());
        }
        let table = self.sections.bytes(file, MOST_SECTIONS)?;
        let headers = table.chunks_exact(self.sections.size.into());
        Ok(headers
            .map(|header| Section {
                kind: u32_in(header, 4),
                offset: u64_in(header, 24, 8),
                size: u64_in(header, 32, 8),
                link: u32_in(header, 40),
            })
            .collect())
    }
}
