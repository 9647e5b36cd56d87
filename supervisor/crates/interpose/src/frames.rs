//! `.eh_frame_hdr`: the table of functions that unwinders use, sorted by address.
//!
//! Layout: the Linux Standard Base, "Exception Frames". Only the encodings that linkers write are read; a table of others
//! counts as none.

use core::ops::Range;

use crate::{
    bytes::{i32_at, u32_at},
    elf::{Elf, Segment, Use},
};

/// The functions of a file.
#[derive(Debug, Clone, Copy)]
pub struct Frames<'a> {
    file: &'a [u8],
    /// Offset in the file of the header, and its address.
    header: Segment,
    /// Entries of the table.
    count: usize,
}

/// Bytes before the table, and of each entry.
const START: usize = 12;
const ENTRY: usize = 8;

impl<'a> Frames<'a> {
    /// The table of the ELF file `file`; none where it has none that can be read.
    pub fn of(file: &'a [u8], elf: &Elf, table: &[u8]) -> Option<Self> {
        let header = elf
            .segments(table)
            .find(|segment| segment.usage == Use::Frames)?;
        let bytes = file.get(usize::try_from(header.offset).ok()?..)?;
        // Version 1; pointer to .eh_frame relative, 4 bytes; count 4 bytes; entries relative to the header, 4 bytes.
        if bytes.get(..4)? != [1, 0x1b, 0x03, 0x3b] {
            return None;
        }
        let count = usize::try_from(u32_at(bytes, 8)?).ok()?;
        let room = usize::try_from(header.in_file).ok()?.checked_sub(START)? / ENTRY;
        (0 < count && count <= room).then_some(Self {
            file,
            header,
            count,
        })
    }

    /// How many functions the table has.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Addresses of the function `address` is in, before the base is added; none where no function covers it.
    pub fn function(&self, address: u64) -> Option<Range<u64>> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low.midpoint(high);
            if self.entry(middle)?.0 <= address {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let (start, frame) = self.entry(low.checked_sub(1)?)?;
        let length = self.length(frame)?;
        let end = start.checked_add(length)?;
        (address < end).then_some(start..end)
    }

    /// Start of the function with this number, and the address of its frame.
    fn entry(&self, index: usize) -> Option<(u64, u64)> {
        let at = usize::try_from(self.header.offset)
            .ok()?
            .checked_add(START + index * ENTRY)?;
        let relative = |at| {
            Some(
                self.header
                    .address
                    .wrapping_add_signed(i32_at(self.file, at)?.into()),
            )
        };
        Some((relative(at)?, relative(at + 4)?))
    }

    /// Length of the function whose frame is at this address. Frames lie behind the header in the same segment, as
    /// far apart in the file as in memory.
    fn length(&self, frame: u64) -> Option<u64> {
        let offset = self
            .header
            .offset
            .wrapping_add(frame.wrapping_sub(self.header.address));
        let at = usize::try_from(offset).ok()?;
        // Length, pointer to the common part, start (relative, 4 bytes), length (4 bytes).
        (u32_at(self.file, at)? != u32::MAX).then_some(())?;
        u32_at(self.file, at.checked_add(12)?).map(u64::from)
    }
}
