//! The output that is kept: the first part and the last part in a file, never more than [`Keep`] says; the middle is only
//! counted.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// How much of the output is kept, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// From the beginning.
    pub head: u64,
    /// From the end.
    pub tail: u64,
}

/// The kept output: a head and a ring for the tail, in one file that is made when first needed.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: Option<File>,
    keep: Keep,
    total: u64,
    disk_full: Option<DiskFull>,
}

/// What is kept once the disk takes no more: the head that is on it, and the end in memory.
#[derive(Debug)]
struct DiskFull {
    written: u64,
    tail: Vec<u8>,
}

/// How much of the end is kept in memory then, in bytes.
const MEMORY_TAIL: usize = 64 * 1024;

impl LogFile {
    /// Nothing is written before the container prints something.
    pub fn new(path: &Path, keep: Keep) -> Self {
        Self {
            path: path.to_owned(),
            file: None,
            keep,
            total: 0,
            disk_full: None,
        }
    }

    /// Everything the container printed, in bytes, kept or not.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Adds output; a full disk loses the middle of the log, not the run.
    pub fn append(&mut self, bytes: &[u8]) {
        if self.disk_full.is_none()
            && let Err(error) = self.write(bytes)
        {
            tracing::warn!(%error, path = %self.path.display(), "cannot keep all of the output");
            self.disk_full = Some(DiskFull {
                written: self.total.min(self.keep.head),
                tail: Vec::new(),
            });
        }
        if let Some(DiskFull { tail, .. }) = &mut self.disk_full {
            tail.extend_from_slice(&bytes[bytes.len().saturating_sub(MEMORY_TAIL)..]);
            tail.drain(..tail.len().saturating_sub(MEMORY_TAIL));
        }
        self.total += bytes.len() as u64;
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let Keep { head, tail } = self.keep;
        let mut at = self.total;
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(create(&self.path)?),
        };
        if at < head {
            let room = usize::try_from(head - at).unwrap_or(usize::MAX);
            let (first, rest) = bytes.split_at(room.min(bytes.len()));
            file.write_all_at(first, at)?;
            at += first.len() as u64;
            bytes = rest;
        }
        let skip = bytes
            .len()
            .saturating_sub(usize::try_from(tail).unwrap_or(usize::MAX));
        at += skip as u64;
        bytes = &bytes[skip..];
        while !bytes.is_empty() {
            let offset = (at - head) % tail;
            let room = usize::try_from(tail - offset).unwrap_or(usize::MAX);
            let (piece, rest) = bytes.split_at(room.min(bytes.len()));
            file.write_all_at(piece, head + offset)?;
            at += piece.len() as u64;
            bytes = rest;
        }
        Ok(())
    }

    /// The kept output, with a line in the middle that says how much is missing.
    ///
    /// # Errors
    /// The operating system's, from reading the file.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        let Some(file) = &self.file else {
            let full = self.disk_full.as_ref();
            return Ok(full.map(|full| full.tail.clone()).unwrap_or_default());
        };
        if let Some(DiskFull { written, tail }) = &self.disk_full {
            let mut kept = read_range(file, 0, *written)?;
            let missing = self.total - written - tail.len() as u64;
            if missing > 0 {
                kept.extend(cut_marker(missing).into_bytes());
            }
            kept.extend_from_slice(tail);
            return Ok(kept);
        }
        let Keep { head, tail } = self.keep;
        let mut kept = read_range(file, 0, self.total.min(head))?;
        let after = self.total.saturating_sub(head);
        if after <= tail {
            kept.extend(read_range(file, head, after)?);
            return Ok(kept);
        }
        kept.extend(cut_marker(after - tail).into_bytes());
        // A tail of nothing is no ring.
        let start = after.checked_rem(tail).unwrap_or(0);
        kept.extend(read_range(file, head + start, tail - start)?);
        kept.extend(read_range(file, head, start)?);
        Ok(kept)
    }
}

/// The line that stands for `bytes` that were cut out of a log, wherever it is cut.
pub fn cut_marker(bytes: u64) -> String {
    format!("\n[... {bytes} bytes of output cut here ...]\n")
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

fn read_range(file: &File, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(keep: Keep, pieces: &[&[u8]]) -> String {
        let dir = tempfile::tempdir().unwrap();
        let mut log = LogFile::new(&dir.path().join("log"), keep);
        for piece in pieces {
            log.append(piece);
        }
        String::from_utf8(log.read().unwrap()).unwrap()
    }

    #[test]
    fn head_and_tail_survive_in_order() {
        let keep = Keep { head: 4, tail: 4 };
        assert_eq!(kept(keep, &[]), "");
        assert_eq!(kept(keep, &[b"abc"]), "abc");
        assert_eq!(kept(keep, &[b"abcdefgh"]), "abcdefgh");
        let cut = "abcd\n[... 3 bytes of output cut here ...]\nhijk";
        assert_eq!(kept(keep, &[b"abcdefghijk"]), cut);
        assert_eq!(kept(keep, &[b"ab", b"cdefg", b"hij", b"k"]), cut);
    }

    #[test]
    fn nothing_of_the_end_is_kept_where_nothing_is_wanted() {
        let keep = Keep { head: 4, tail: 0 };
        assert_eq!(kept(keep, &[b"abcd"]), "abcd");
        let cut = "abcd\n[... 3 bytes of output cut here ...]\n";
        assert_eq!(kept(keep, &[b"abc", b"defg"]), cut);
        let nothing = Keep { head: 0, tail: 0 };
        assert_eq!(
            kept(nothing, &[b"ab", b"c"]),
            "\n[... 3 bytes of output cut here ...]\n"
        );
    }

    #[test]
    fn a_full_disk_leaves_head_and_tail() {
        // Every write to this device fails with "no space left on device", full(4).
        let mut log = LogFile::new(Path::new("/dev/full"), Keep { head: 9, tail: 9 });
        log.append(&vec![b'a'; MEMORY_TAIL]);
        log.append(b"end");
        let kept = String::from_utf8(log.read().unwrap()).unwrap();
        assert!(kept.starts_with("\n[... 3 bytes of output cut here ...]\naaa"));
        assert!(kept.ends_with("aend"));
    }
}
