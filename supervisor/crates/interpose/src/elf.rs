//! The headers of 64-bit ELF files, read from their bytes. Layout: elf(5).

use crate::{
    bytes::{u16_at, u32_at, u64_at},
    errno::Errno,
};

/// Bytes of a file's beginning that are read at once: the headers of nearly every program lie in them.
pub const HEAD: usize = 1024;

/// The machine programs are run for.
pub const X86_64: u16 = 62;

/// Size of a program header.
pub const SEGMENT: usize = 56;

/// Most program headers of one file: the kernel takes 64 KiB of them.
pub const MOST_SEGMENTS: usize = 64;

/// What a segment is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Mapped.
    Load,
    /// Names the dynamic loader.
    Interpreter,
    /// Where the program headers are in memory.
    Headers,
    /// `.eh_frame_hdr`.
    Frames,
    /// Anything else.
    Other,
}

/// A program header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// What it is for.
    pub usage: Use,
    /// `PF_X`, `PF_W`, `PF_R`.
    pub flags: u32,
    /// Where it begins in the file.
    pub offset: u64,
    /// Where it is mapped, before the base is added.
    pub address: u64,
    /// Bytes in the file.
    pub in_file: u64,
    /// Bytes in memory.
    pub in_memory: u64,
}

impl Segment {
    /// `PF_X`
    pub const EXECUTE: u32 = 1;
    /// `PF_W`
    pub const WRITE: u32 = 2;
    /// `PF_R`
    pub const READ: u32 = 4;
}

/// How a program is placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// At the addresses in its headers (`ET_EXEC`).
    Fixed,
    /// Anywhere (`ET_DYN`).
    Anywhere,
}

/// The ELF header of a program or library for this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elf {
    /// How it is placed.
    pub placement: Placement,
    /// Where it starts, before the base is added.
    pub entry: u64,
    /// Offset of the program headers in the file.
    pub headers: u64,
    /// How many there are, 1 to [`MOST_SEGMENTS`].
    pub count: usize,
}

impl Elf {
    /// Reads the header from a file's first bytes.
    ///
    /// # Errors
    /// `ENOEXEC` for what is no program or library of this machine: another format, 32-bit, another processor.
    pub fn read(head: &[u8]) -> Result<Self, Errno> {
        Self::parse(head).ok_or(Errno::ENOEXEC)
    }

    fn parse(head: &[u8]) -> Option<Self> {
        // 64-bit, little-endian.
        if !head.starts_with(b"\x7fELF\x02\x01") || u16_at(head, 18)? != X86_64 {
            return None;
        }
        let placement = match u16_at(head, 16)? {
            2 => Placement::Fixed,
            3 => Placement::Anywhere,
            _ => return None,
        };
        let count = usize::from(u16_at(head, 56)?);
        if usize::from(u16_at(head, 54)?) != SEGMENT || !(1..=MOST_SEGMENTS).contains(&count) {
            return None;
        }
        Some(Self {
            placement,
            entry: u64_at(head, 24)?,
            headers: u64_at(head, 32)?,
            count,
        })
    }

    /// Bytes of the program headers.
    pub fn table_size(&self) -> usize {
        self.count * SEGMENT
    }

    /// The segments, from the bytes of the program headers.
    pub fn segments<'a>(&self, table: &'a [u8]) -> impl Iterator<Item = Segment> + Clone + use<'a> {
        let headers = table.chunks_exact(SEGMENT).take(self.count);
        headers.filter_map(segment)
    }

    /// Where the program headers are in memory, before the base is added.
    pub fn headers_address(&self, table: &[u8]) -> Option<u64> {
        let named = self
            .segments(table)
            .find(|segment| segment.usage == Use::Headers);
        named.map(|segment| segment.address).or_else(|| {
            let holds = |segment: &Segment| {
                let within = self.headers.checked_sub(segment.offset);
                segment.usage == Use::Load && within.is_some_and(|within| within < segment.in_file)
            };
            let segment = self.segments(table).find(holds)?;
            segment.address.checked_add(self.headers - segment.offset)
        })
    }
}

fn segment(header: &[u8]) -> Option<Segment> {
    let usage = match u32_at(header, 0)? {
        1 => Use::Load,
        3 => Use::Interpreter,
        6 => Use::Headers,
        0x6474_e550 => Use::Frames,
        _ => Use::Other,
    };
    Some(Segment {
        usage,
        flags: u32_at(header, 4)?,
        offset: u64_at(header, 8)?,
        address: u64_at(header, 16)?,
        in_file: u64_at(header, 32)?,
        in_memory: u64_at(header, 40)?,
    })
}

/// The bytes in memory that the loadable segments take together, whole pages, before the base is added.
///
/// # Errors
/// `ENOEXEC` where there are none, or their addresses are not those of a program.
pub fn extent(segments: impl Iterator<Item = Segment>) -> Result<(u64, u64), Errno> {
    let mut span: Option<(u64, u64)> = None;
    for segment in segments.filter(|segment| segment.usage == Use::Load) {
        let end = segment
            .address
            .checked_add(segment.in_memory)
            .ok_or(Errno::ENOEXEC)?;
        let misplaced = segment.address % PAGE != segment.offset % PAGE;
        if end > HIGHEST || segment.in_file > segment.in_memory || misplaced {
            return Err(Errno::ENOEXEC);
        }
        let (low, high) = span.unwrap_or((segment.address, end));
        span = Some((low.min(segment.address), high.max(end)));
    }
    let (low, high) = span.ok_or(Errno::ENOEXEC)?;
    Ok((page_down(low), page_up(high)))
}

/// A page, in bytes.
pub const PAGE: u64 = 4096;

/// End of the addresses of user programs.
const HIGHEST: u64 = 1 << 47;

/// The beginning of the page `address` is in.
pub const fn page_down(address: u64) -> u64 {
    address & !(PAGE - 1)
}

/// `address`, or the beginning of the next page.
pub const fn page_up(address: u64) -> u64 {
    page_down(address.saturating_add(PAGE - 1))
}
