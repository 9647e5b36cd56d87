//! Copies of the files that programs usually change in place, and of those that were lost once.
//!
//! They stand one after the other in one file that has no name: no run can reach it by a path, and it is gone with the
//! process. Files that are copied are small but for the noted ones, so that taking stock stays quick.

use std::{
    fs::File,
    io::{self, Read, Seek as _, SeekFrom, Write as _},
    os::{fd::OwnedFd, unix::fs::FileExt as _},
};

use nix::{fcntl::OFlag, sys::statvfs::fstatvfs};

use super::{at, inventory::NONE};

/// Largest file that is copied without having been lost once, in bytes.
const LARGEST: u64 = 256 << 10;
/// Most bytes that such files take together.
const MOST: u64 = 16 << 20;
/// Most bytes of all copies where nobody can tell how much is free.
const UNKNOWN: u64 = MOST;
/// Read and written at once, in bytes.
const BLOCK: usize = 16 << 10;
const NAME: &str = "originals";

/// Where programs keep what they change.
const USUAL: [&[u8]; 9] = [
    b"etc", b"var/log", b"var/lib", b"var/tmp", b"root", b"home", b"run", b"srv", b"tmp",
];
/// What only the image's packager changes.
const UNUSUAL: [&[u8]; 3] = [b"var/lib/dpkg", b"var/lib/apt", b"var/lib/rpm"];
/// The same as `USUAL`, below `opt/<product>`.
const OF_A_PRODUCT: [&[u8]; 6] = [b"etc", b"conf", b"config", b"var", b"log", b"data"];

/// Why a file is to be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// It is where programs change files.
    Usual,
    /// It was lost once.
    Noted,
}

#[derive(Debug)]
pub(super) struct Originals {
    pack: File,
    end: u64,
    starts: Vec<u64>,
    /// Bytes that may still be taken: of usual files, and of all.
    left: (u64, u64),
}

impl Originals {
    /// Begins in the directory `state`; a quarter of what is free there stays free.
    pub(super) fn begin(state: &OwnedFd) -> io::Result<Self> {
        at::unlink(state, NAME.as_ref())?;
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL;
        let pack = at::open_file(state, NAME.as_ref(), flags)?;
        at::unlink(state, NAME.as_ref())?;
        let left = fstatvfs(&pack).map_or(UNKNOWN, |system| {
            let free = system.blocks_available();
            free.saturating_mul(system.fragment_size()) / 4 * 3
        });
        Ok(Self {
            pack,
            end: 0,
            starts: Vec::new(),
            left: (left.min(MOST), left),
        })
    }

    /// Whether a file of that size may be copied.
    pub(super) fn wants(&self, reason: Reason, size: u64) -> bool {
        match reason {
            Reason::Usual => size <= LARGEST.min(self.left.0).min(self.left.1),
            Reason::Noted => size <= self.left.1,
        }
    }

    /// Copies the file, which should have `size` bytes, and returns the number of the copy. A file that turns out to have
    /// another size has none.
    pub(super) fn keep(&mut self, reason: Reason, file: File, size: u64) -> io::Result<u32> {
        let number = u32::try_from(self.starts.len()).unwrap_or(NONE);
        if self.copy(file, size)? != size {
            self.pack.seek(SeekFrom::Start(self.end))?;
            return Ok(NONE);
        }
        self.starts.push(self.end);
        self.end += size;
        self.left.1 = self.left.1.saturating_sub(size);
        if reason == Reason::Usual {
            self.left.0 = self.left.0.saturating_sub(size);
        }
        Ok(number)
    }

    fn copy(&mut self, mut file: File, size: u64) -> io::Result<u64> {
        let mut small = [0; BLOCK];
        let Some(small) = usize::try_from(size)
            .ok()
            .and_then(|size| small.get_mut(..size))
        else {
            return io::copy(&mut Read::take(file, size), &mut self.pack);
        };
        match file.read_exact(small) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
            read => read?,
        }
        self.pack.write_all(small)?;
        Ok(size)
    }

    /// Whether the file, of the copy's size, holds the same.
    pub(super) fn is_in(&self, number: u32, size: u64, file: &File) -> io::Result<bool> {
        let mut found = Vec::new();
        self.blocks(number, size, |at, block| {
            found.resize(block.len(), 0);
            file.read_exact_at(&mut found, at)?;
            Ok(found == block)
        })
    }

    /// Makes the file hold what the copy holds.
    pub(super) fn write(&self, number: u32, size: u64, mut file: &File) -> io::Result<()> {
        self.blocks(number, size, |_, block| {
            file.write_all(block).map(|()| true)
        })?;
        file.set_len(size)
    }

    /// Hands out the copy from its beginning, each block with its place, until one is refused.
    fn blocks(
        &self,
        number: u32,
        size: u64,
        mut take: impl FnMut(u64, &[u8]) -> io::Result<bool>,
    ) -> io::Result<bool> {
        let start = self.starts.get(number as usize).copied();
        let start = start.ok_or(io::ErrorKind::NotFound)?;
        let mut buffer = vec![0; BLOCK.min(usize::try_from(size).unwrap_or(BLOCK))];
        let mut done = 0;
        while done < size {
            let length = usize::try_from(size - done).unwrap_or(BLOCK).min(BLOCK);
            let block = &mut buffer[..length];
            self.pack.read_exact_at(block, start + done)?;
            if !take(done, block)? {
                return Ok(false);
            }
            done += length as u64;
        }
        Ok(true)
    }
}

/// Whether programs usually change files in that directory, a path below ROOT.
pub(super) fn is_usual(directory: &[u8]) -> bool {
    let below = |top: &&[u8]| rest(directory, top).is_some();
    if USUAL.iter().any(below) {
        return !UNUSUAL.iter().any(below);
    }
    let product = rest(directory, b"opt").and_then(|path| path.splitn(2, |b| *b == b'/').nth(1));
    product.is_some_and(|path| OF_A_PRODUCT.iter().any(|top| rest(path, top).is_some()))
}

/// What of the path is below `top`.
fn rest<'a>(path: &'a [u8], top: &[u8]) -> Option<&'a [u8]> {
    match path.strip_prefix(top)? {
        [] => Some(&[]),
        [b'/', rest @ ..] => Some(rest),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::is_usual;

    #[test]
    fn where_programs_change_files() {
        for usual in [
            "etc",
            "etc/a/b",
            "var/lib/x",
            "opt/p/etc",
            "opt/p/data/x",
            "tmp",
        ] {
            assert!(is_usual(usual.as_bytes()), "{usual}");
        }
        for other in [
            "",
            "etcetera",
            "usr/etc",
            "var/lib/dpkg/info",
            "opt",
            "opt/p",
            "opt/p/bin",
        ] {
            assert!(!is_usual(other.as_bytes()), "{other}");
        }
    }
}
