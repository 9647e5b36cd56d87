//! The guest's memory, which its pointers may or may not point to. A bad one is EFAULT and not a crash.

use interpose::{elf::PAGE, elf::page_down, errno::Errno, path_bytes::PathBytes};

use crate::sys;

/// Copies the path at `at`.
///
/// # Errors
/// `EFAULT`, `ENAMETOOLONG`.
pub(crate) fn path(at: u64) -> Result<PathBytes, Errno> {
    let mut path = PathBytes::new();
    let mut from = at;
    loop {
        readable(from)?;
        let page_end = page_down(from) + PAGE;
        // SAFETY: the kernel has just read from this page. Bytes another thread changes meanwhile are a wrong path of the
        // guest's own making: they are copied once and looked at afterwards.
        let bytes =
            unsafe { core::slice::from_raw_parts(from as *const u8, (page_end - from) as usize) };
        if let Some(end) = bytes.iter().position(|&byte| byte == 0) {
            path.push(&bytes[..end])?;
            return Ok(path);
        }
        path.push(bytes)?;
        from = page_end;
    }
}

/// Whether the word or byte at `at` can be read.
///
/// # Errors
/// `EFAULT` where not.
pub(crate) fn readable(at: u64) -> Result<(), Errno> {
    // Rounded down, the eight bytes never reach into the next page.
    if sys::can_read(at & !7) {
        Ok(())
    } else {
        Err(Errno::EFAULT)
    }
}

/// The words at `at`, up to the first that is zero: argument lists.
pub(crate) struct Words {
    at: u64,
    page: Option<u64>,
}

impl Words {
    pub(crate) fn at(at: u64) -> Self {
        Self { at, page: None }
    }

    /// The next word; none at the end of the list.
    pub(crate) fn next(&mut self) -> Result<Option<u64>, Errno> {
        // Linux takes no list at all for an empty one.
        if self.at == 0 {
            return Ok(None);
        }
        let last = self.at + 7;
        if self.page != Some(page_down(last)) {
            readable(self.at)?;
            readable(last)?;
            self.page = Some(page_down(last));
        }
        // SAFETY: the kernel has just read from these pages.
        let word = unsafe { (self.at as *const u64).read_unaligned() };
        self.at += 8;
        Ok((word != 0).then_some(word))
    }
}

/// Copies `N` words from `at`.
///
/// # Errors
/// `EFAULT`.
pub(crate) fn words<const N: usize>(at: u64) -> Result<[u64; N], Errno> {
    readable(at)?;
    readable(at + 8 * N as u64 - 1)?;
    // SAFETY: the kernel has just read from the pages of both ends, and N words are shorter than a page.
    Ok(unsafe { (at as *const [u64; N]).read_unaligned() })
}

/// Writes `bytes` to `at`.
///
/// # Errors
/// `EFAULT`.
pub(crate) fn write(at: u64, bytes: &[u8]) -> Result<(), Errno> {
    if bytes.is_empty() {
        return Ok(());
    }
    if !sys::can_overwrite(at, bytes.len() as u64) {
        return Err(Errno::EFAULT);
    }
    // SAFETY: the kernel has just written to all of it; the guest asked for the bytes there.
    unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), at as *mut u8, bytes.len()) };
    Ok(())
}
