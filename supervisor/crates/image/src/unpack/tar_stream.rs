//! Reads a tar archive as a stream: POSIX and GNU dialects, long names, sparse files (tar manual of GNU tar, "Tar
//! Internals"; `pax(1)`), in bounded memory whatever its headers claim.

mod sparse;

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
};

use tar::{EntryType, Header};

use self::sparse::check_stretches;
use super::{
    LayerError,
    extensions::Extensions,
    member::{Kind, Member},
};

/// Size of a header, and what contents are padded to.
const BLOCK: usize = 512;
/// Most bytes of extended headers and long names of one member, all together: they are read into memory.
const LARGEST_EXTENSIONS: u64 = 1024 * 1024;
/// Largest content of a member, in bytes: no file system holds more.
const LARGEST_CONTENT: u64 = 1 << 60;

/// The members of an archive, one after the other.
#[derive(Debug)]
pub(crate) struct TarStream<R> {
    reader: R,
    /// Bytes of the current member that are still to be read.
    content: u64,
    /// Zeros after it.
    padding: u64,
    /// Bytes read so far.
    position: u64,
}

impl<R: BufRead> TarStream<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            reader,
            content: 0,
            padding: 0,
            position: 0,
        }
    }

    /// Where the content of the member just described begins, in bytes from the beginning of the archive.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// The next member; none at the archive's end, which is read up to the stream's.
    pub(crate) fn next(&mut self) -> Result<Option<Member>, LayerError> {
        let mut extensions = Extensions::default();
        let mut room = LARGEST_EXTENSIONS;
        loop {
            self.skip(self.content + self.padding)?;
            let Some(block) = self.header()? else {
                self.skip_to_end()?;
                return Ok(None);
            };
            let header = Header::from_byte_slice(&block);
            check(header)?;
            let stored = header.entry_size().map_err(malformed)?;
            self.expect(stored)?;
            match header.entry_type() {
                EntryType::XGlobalHeader => {}
                EntryType::XHeader => extensions.add_pax(&self.extension(&mut room)?)?,
                EntryType::GNULongName => extensions.name = Some(text(self.extension(&mut room)?)),
                EntryType::GNULongLink => extensions.link = Some(text(self.extension(&mut room)?)),
                _ => return self.describe(header, stored, extensions).map(Some),
            }
        }
    }

    fn describe(
        &mut self,
        header: &Header,
        stored: u64,
        extensions: Extensions,
    ) -> Result<Member, LayerError> {
        let name = extensions
            .name
            .unwrap_or_else(|| header.path_bytes().into_owned());
        let kind = kind(header.entry_type(), &name);
        let stored = match kind {
            Kind::File | Kind::Other => extensions.size.unwrap_or(stored),
            // Some writers give links the size of what they point to; there is no content.
            _ => 0,
        };
        self.expect(stored)?;
        let link = || header.link_name_bytes().unwrap_or_default().into_owned();
        let mut member = Member {
            link: extensions.link.unwrap_or_else(link),
            kind,
            mode: header.mode().map_err(malformed)?,
            modified: extensions
                .modified
                .unwrap_or_else(|| header.mtime().unwrap_or(0).try_into().unwrap_or(0)),
            stored,
            size: stored,
            stretches: None,
            name,
        };
        if header.entry_type() == EntryType::GNUSparse {
            let (size, stretches) = self.old_sparse(header)?;
            (member.size, member.stretches) = (size, Some(stretches));
        } else if let Some(size) = extensions.sparse_size {
            let stretches = match extensions.stretches {
                Some(stretches) => stretches,
                None => self.map_in_content()?,
            };
            (member.size, member.stretches) = (size, Some(stretches));
            member.stored = self.content;
        }
        check_stretches(&member)?;
        Ok(member)
    }

    /// Copies what is left of the current member's next `length` bytes.
    pub(crate) fn copy(
        &mut self,
        mut length: u64,
        mut write: impl FnMut(&[u8]) -> Result<(), LayerError>,
    ) -> Result<(), LayerError> {
        while length > 0 {
            let piece = self.reader.fill_buf().map_err(LayerError::Read)?;
            let most = usize::try_from(length).unwrap_or(usize::MAX);
            let piece = &piece[..piece.len().min(most)];
            if piece.is_empty() {
                return Err(LayerError::truncated());
            }
            write(piece)?;
            let taken = piece.len();
            self.reader.consume(taken);
            self.position += taken as u64;
            length -= taken as u64;
            self.content -= taken as u64;
        }
        Ok(())
    }

    fn expect(&mut self, content: u64) -> Result<(), LayerError> {
        if content > LARGEST_CONTENT {
            return Err(LayerError::malformed("a size beyond reason"));
        }
        self.content = content;
        self.padding = content.next_multiple_of(BLOCK as u64) - content;
        Ok(())
    }

    /// The content of a header that adds to the next, of which there may be `room` bytes more.
    fn extension(&mut self, room: &mut u64) -> Result<Vec<u8>, LayerError> {
        *room = room
            .checked_sub(self.content)
            .ok_or(LayerError::LargeHeaders {
                most: LARGEST_EXTENSIONS,
            })?;
        let mut bytes = Vec::new();
        self.copy(self.content, |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(bytes)
    }

    fn skip(&mut self, length: u64) -> Result<(), LayerError> {
        (self.content, self.padding) = (length, 0);
        self.copy(length, |_| Ok(()))
    }

    /// The next header; none at the end, whether it is marked by zeros or not.
    fn header(&mut self) -> Result<Option<[u8; BLOCK]>, LayerError> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            match self.reader.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(LayerError::truncated()),
                Ok(bytes) => filled += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(LayerError::Read(error)),
            }
        }
        self.position += BLOCK as u64;
        let zeros = block.iter().all(|&byte| byte == 0);
        Ok((!zeros).then_some(block))
    }

    fn skip_to_end(&mut self) -> Result<(), LayerError> {
        loop {
            let length = self.reader.fill_buf().map_err(LayerError::Read)?.len();
            if length == 0 {
                return Ok(());
            }
            self.reader.consume(length);
        }
    }
}

impl TarStream<BufReader<File>> {
    /// Goes past the content of the current member without reading it.
    pub(crate) fn seek_past(&mut self) -> Result<(), LayerError> {
        let bytes = self.content + self.padding;
        let distance = i64::try_from(bytes).map_err(|_| LayerError::truncated())?;
        self.reader
            .seek_relative(distance)
            .map_err(LayerError::Read)?;
        self.position += bytes;
        (self.content, self.padding) = (0, 0);
        Ok(())
    }
}

fn kind(of: EntryType, name: &[u8]) -> Kind {
    match of {
        // Very old archives mark directories by their names alone.
        EntryType::Regular if name.ends_with(b"/") => Kind::Directory,
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => Kind::File,
        EntryType::Directory => Kind::Directory,
        EntryType::Symlink => Kind::Symlink,
        EntryType::Link => Kind::HardLink,
        EntryType::Fifo => Kind::Fifo,
        EntryType::Char | EntryType::Block => Kind::Device,
        _ => Kind::Other,
    }
}

fn check(header: &Header) -> Result<(), LayerError> {
    let bytes = header.as_bytes();
    // The checksum is the sum of all bytes, its own eight taken as spaces.
    let sum: u32 = bytes[..148]
        .iter()
        .chain(&bytes[156..])
        .map(|&b| u32::from(b))
        .sum();
    if header.cksum().map_err(malformed)? == sum + 8 * u32::from(b' ') {
        Ok(())
    } else {
        Err(LayerError::malformed("a header's checksum is wrong"))
    }
}

/// Long names end with a NUL.
fn text(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(end) = bytes.iter().position(|&byte| byte == 0) {
        bytes.truncate(end);
    }
    bytes
}

#[allow(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn malformed(error: io::Error) -> LayerError {
    LayerError::malformed(error.to_string())
}
