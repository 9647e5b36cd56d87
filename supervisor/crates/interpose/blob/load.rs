//! Maps programs as the kernel does.

use interpose::{
    elf::{Elf, PAGE, Placement, Segment, Use, extent, page_down, page_up},
    errno::Errno,
};

use crate::{patch, sys};

/// A mapped program.
pub(crate) struct Loaded {
    /// What is added to the addresses in its headers.
    pub(crate) bias: u64,
    /// Where it starts.
    pub(crate) entry: u64,
    /// Where its program headers are; 0 if nowhere.
    pub(crate) headers: u64,
}

/// Maps the open program `file`; one that may lie anywhere is put at `hint` if that is free.
pub(crate) fn load(file: u64, elf: &Elf, table: &[u8], hint: u64) -> Result<Loaded, Errno> {
    let (low, high) = extent(elf.segments(table))?;
    let reserve = sys::MAP_PRIVATE | sys::MAP_ANONYMOUS | sys::MAP_NORESERVE;
    let bias = match elf.placement {
        Placement::Fixed => {
            let at = sys::map(
                low,
                high - low,
                0,
                reserve | sys::MAP_FIXED_NOREPLACE,
                u64::MAX,
                0,
            )?;
            if at != low {
                return Err(Errno::ENOMEM);
            }
            0
        }
        Placement::Anywhere => {
            sys::map(hint, high - low, 0, reserve, u64::MAX, 0)?.wrapping_sub(low)
        }
    };
    for segment in elf
        .segments(table)
        .filter(|segment| segment.usage == Use::Load)
    {
        map_segment(file, &segment, bias)?;
    }
    Ok(Loaded {
        bias,
        entry: bias.wrapping_add(elf.entry),
        headers: elf
            .headers_address(table)
            .map_or(0, |address| bias.wrapping_add(address)),
    })
}

fn map_segment(file: u64, segment: &Segment, bias: u64) -> Result<(), Errno> {
    let start = bias.wrapping_add(segment.address);
    let (file_end, end) = (start + segment.in_file, start + segment.in_memory);
    let protection = protection(segment.flags);
    let within = start % PAGE;
    let mapped_end = page_up(file_end);
    if segment.in_file > 0 {
        let (at, length) = (start - within, file_end - start + within);
        let flags = sys::MAP_PRIVATE | sys::MAP_FIXED;
        sys::map(at, length, protection, flags, file, segment.offset - within)?;
        if segment.flags & Segment::WRITE != 0 {
            // SAFETY: the rest of the last page, just mapped writable. The kernel clears it, too.
            unsafe {
                core::ptr::write_bytes(file_end as *mut u8, 0, (mapped_end - file_end) as usize)
            };
        }
        if protection & sys::PROT_EXEC != 0 {
            patch::file_text(at, length, file, segment.offset - within, protection)?;
        }
    }
    let fresh = if segment.in_file > 0 {
        mapped_end
    } else {
        page_down(start)
    };
    if end > fresh {
        let flags = sys::MAP_PRIVATE | sys::MAP_FIXED | sys::MAP_ANONYMOUS;
        sys::map(fresh, page_up(end) - fresh, protection, flags, u64::MAX, 0)?;
    }
    Ok(())
}

fn protection(flags: u32) -> u64 {
    let bit = |flag, protection| if flags & flag != 0 { protection } else { 0 };
    bit(Segment::READ, sys::PROT_READ)
        | bit(Segment::WRITE, sys::PROT_WRITE)
        | bit(Segment::EXECUTE, sys::PROT_EXEC)
}
