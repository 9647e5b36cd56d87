//! Replaces the system calls in the guest's text, wherever it comes into memory.

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use interpose::{
    elf::{Elf, PAGE, Segment, Use, page_down, page_up},
    errno::Errno,
    frames::Frames,
    numbers as nr,
    sites::{SYSCALL, Text},
    stub::{self, HEADER, STUB},
};

use crate::{entry, handler::Answer, sys};

/// `int3`
const TRAP: u8 = 0xcc;
/// Most pieces of text of one process.
const MOST: usize = 4096;

/// A piece of text whose sites have stubs.
struct Object {
    low: AtomicU64,
    high: AtomicU64,
    stubs: AtomicU64,
    count: AtomicUsize,
}

static OBJECTS: [Object; MOST] = [const {
    Object {
        low: AtomicU64::new(0),
        high: AtomicU64::new(0),
        stubs: AtomicU64::new(0),
        count: AtomicUsize::new(0),
    }
}; MOST];
/// How many of them are in use.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// The stub of the site at `address`.
pub(crate) fn stub_at(address: u64) -> Option<u64> {
    let used = COUNT.load(Ordering::Acquire).min(MOST);
    let covers = |object: &&Object| {
        object.low.load(Ordering::Acquire) <= address
            && address < object.high.load(Ordering::Acquire)
    };
    OBJECTS[..used]
        .iter()
        .rev()
        .filter(covers)
        .find_map(|object| object.find(address))
}

/// The guest's address in place of one in a stub that has not made its call, or has just made it; none for any other.
pub(crate) fn guests_address(address: u64) -> Option<u64> {
    let used = COUNT.load(Ordering::Acquire).min(MOST);
    let object = OBJECTS[..used]
        .iter()
        .find(|object| object.stubs().contains(&address))?;
    let within = address - object.stubs().start;
    let start = address - within % STUB as u64;
    // SAFETY: stubs stay mapped and unchanged once their object is in the table.
    let code = unsafe { core::slice::from_raw_parts(start as *const u8, STUB) };
    stub::guests_address(code, within as usize % STUB)
}

impl Object {
    /// Where its stubs are.
    fn stubs(&self) -> core::ops::Range<u64> {
        let first = self.stubs.load(Ordering::Relaxed) + HEADER as u64;
        first..first + (self.count.load(Ordering::Relaxed) * STUB) as u64
    }

    fn find(&self, address: u64) -> Option<u64> {
        let first = self.stubs.load(Ordering::Relaxed) + HEADER as u64;
        let (mut low, mut high) = (0, self.count.load(Ordering::Relaxed) as u64);
        while low < high {
            let middle = low.midpoint(high);
            let at = first + middle * STUB as u64;
            // SAFETY: stubs stay mapped and unchanged once their object is in the table.
            let code = unsafe { core::slice::from_raw_parts(at as *const u8, STUB) };
            let site = stub::site_of(code)?;
            if site == address {
                return Some(at);
            }
            if site < address {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        None
    }
}

/// mmap: a file's text is looked through.
pub(crate) fn mmap(arguments: [u64; 6]) -> Answer {
    let [_, length, protection, flags, file, offset] = arguments;
    if protection & sys::PROT_EXEC == 0 || flags & sys::MAP_ANONYMOUS != 0 {
        return Answer::Pass;
    }
    // SAFETY: the guest's own call.
    let result = unsafe { sys::call(nr::MMAP, arguments) };
    if let Ok(at) = result
        && let Err(error) = file_text(at, length, file, offset, protection)
    {
        sys::unmap(at, length);
        return Err(error).into();
    }
    result.into()
}

/// mprotect, pkey_mprotect: memory that becomes text is looked through. What can be written at the same time is not: it
/// changes under way.
pub(crate) fn mprotect(number: usize, arguments: [u64; 6]) -> Answer {
    let [at, length, protection, ..] = arguments;
    if protection & sys::PROT_EXEC == 0
        || protection & sys::PROT_WRITE != 0
        || protection & sys::PROT_READ == 0
    {
        return Answer::Pass;
    }
    // SAFETY: the guest's own call.
    let result = unsafe { sys::call(number, arguments) };
    if result.is_ok() {
        // SAFETY: just made readable by the call that succeeded.
        let code = unsafe { core::slice::from_raw_parts(at as *const u8, length as usize) };
        let text = Text {
            code,
            address: at,
            frames: None,
        };
        if let Err(error) = replace(&text, at, at..at + length, protection) {
            return Err(error).into();
        }
    }
    result.into()
}

/// Replaces the sites of text mapped from a file.
pub(crate) fn file_text(
    at: u64,
    length: u64,
    file: u64,
    offset: u64,
    protection: u64,
) -> Result<(), Errno> {
    let size = sys::size(file)?;
    if size == 0 {
        return Ok(());
    }
    let view = sys::map(0, size, sys::PROT_READ, sys::MAP_PRIVATE, file, 0)?;
    // SAFETY: mapped readable, `size` bytes long; a file that is cut meanwhile is a bus error as it is for everybody.
    let bytes = unsafe { core::slice::from_raw_parts(view as *const u8, size as usize) };
    let result = file_bytes(bytes, at, length, offset, protection);
    sys::unmap(view, size);
    result
}

fn file_bytes(
    file: &[u8],
    at: u64,
    length: u64,
    offset: u64,
    protection: u64,
) -> Result<(), Errno> {
    let (Ok(elf), range) = (Elf::read(file), at..at.saturating_add(length)) else {
        return plain_text(file, at, length, offset, protection);
    };
    let table = usize::try_from(elf.headers)
        .ok()
        .and_then(|start| file.get(start..start.checked_add(elf.table_size())?));
    let Some(table) = table else {
        return plain_text(file, at, length, offset, protection);
    };
    let frames = Frames::of(file, &elf, table);
    let text =
        |segment: &Segment| segment.usage == Use::Load && segment.flags & Segment::EXECUTE != 0;
    for segment in elf.segments(table).filter(text) {
        let (start, end) = (
            segment.offset,
            segment
                .offset
                .saturating_add(segment.in_file)
                .min(file.len() as u64),
        );
        if start >= end || start >= offset.saturating_add(length) || end <= offset {
            continue;
        }
        let text = Text {
            code: &file[start as usize..end as usize],
            address: segment.address,
            frames,
        };
        // Where the segment's first byte is, or would be, in this mapping.
        let first = at.wrapping_add(start.wrapping_sub(offset));
        replace(&text, first, range.clone(), protection)?;
    }
    Ok(())
}

/// Text of a file that is no ELF file: a JIT's cache, for example.
fn plain_text(
    file: &[u8],
    at: u64,
    length: u64,
    offset: u64,
    protection: u64,
) -> Result<(), Errno> {
    let start = offset.min(file.len() as u64);
    let end = offset.saturating_add(length).min(file.len() as u64);
    let text = Text {
        code: &file[start as usize..end as usize],
        address: at,
        frames: None,
    };
    replace(&text, at, at..at.saturating_add(length), protection)
}

/// Replaces the sites of `text`, whose first byte is at `first` in memory, that lie within `range`.
fn replace(
    text: &Text<'_>,
    first: u64,
    range: core::ops::Range<u64>,
    protection: u64,
) -> Result<(), Errno> {
    let most = text
        .code
        .windows(2)
        .filter(|pair| **pair == SYSCALL)
        .count();
    if most == 0 {
        return Ok(());
    }
    let size = page_up((HEADER + most * STUB) as u64);
    let flags = sys::MAP_PRIVATE | sys::MAP_ANONYMOUS;
    let hint = page_down(range.start).saturating_sub(size + PAGE);
    let stubs = sys::map(
        hint,
        size,
        sys::PROT_READ | sys::PROT_WRITE,
        flags,
        u64::MAX,
        0,
    )?;
    let addresses = text.sites().map(|offset| first.wrapping_add(offset as u64));
    let within = addresses.filter(|site| range.contains(site) && range.contains(&(site + 1)));
    let (count, span) = write_stubs(stubs, within);
    if count == 0 {
        sys::unmap(stubs, size);
        return Ok(());
    }
    sys::protect(stubs, size, sys::PROT_READ | sys::PROT_EXEC)?;
    register(stubs, count, &span)?;
    let start = page_down(span.start);
    let length = page_up(span.end) - start;
    sys::protect(start, length, sys::PROT_READ | sys::PROT_WRITE)?;
    for index in 0..count {
        let code = (stubs as usize + HEADER + index * STUB) as *const u8;
        // SAFETY: the stub was written above; its site lies in the guest's text, which nobody runs before this call is over.
        unsafe {
            if let Some(site) = stub::site_of(core::slice::from_raw_parts(code, STUB)) {
                (site as *mut u8).write(TRAP);
            }
        }
    }
    sys::protect(start, length, protection & 7)
}

/// Writes the header and a stub for each site; returns how many, and from the first site to the end of the last.
fn write_stubs(stubs: u64, sites: impl Iterator<Item = u64>) -> (usize, core::ops::Range<u64>) {
    let mut count = 0;
    let mut span = u64::MAX..0;
    for site in sites {
        let code = stub::stub(count, site + 2);
        // SAFETY: there is room for as many stubs as the text has pairs of these bytes.
        unsafe { ((stubs as usize + HEADER + count * STUB) as *mut [u8; STUB]).write(code) };
        count += 1;
        span = span.start.min(site)..site + 2;
    }
    let header = [
        entry::interpose_entry as *const () as u64,
        entry::interpose_child as *const () as u64,
    ];
    // SAFETY: the header comes before the stubs.
    unsafe { (stubs as *mut [u64; 2]).write(header) };
    (count, span)
}

/// Puts an object into the table: into a place whose text was unmapped, if the new one lies there, else behind the last.
fn register(stubs: u64, count: usize, span: &core::ops::Range<u64>) -> Result<(), Errno> {
    let used = COUNT.load(Ordering::Acquire).min(MOST);
    for object in &OBJECTS[..used] {
        let (low, high) = (
            object.low.load(Ordering::Relaxed),
            object.high.load(Ordering::Relaxed),
        );
        // Whole objects only: what is left of another may still run.
        if span.start <= low && high <= span.end && low < high {
            object.high.store(0, Ordering::Release);
        }
    }
    let index = COUNT.fetch_add(1, Ordering::AcqRel);
    let Some(object) = OBJECTS.get(index) else {
        COUNT.store(MOST, Ordering::Release);
        return Err(Errno::ENOMEM);
    };
    object.stubs.store(stubs, Ordering::Relaxed);
    object.count.store(count, Ordering::Relaxed);
    object.low.store(span.start, Ordering::Relaxed);
    object.high.store(span.end, Ordering::Release);
    Ok(())
}
