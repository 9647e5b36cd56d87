//! Where everything is in an archive, and the bytes that are there.
//!
//! An image archive has a few members for each layer, so the members are held in memory. An archive with more names than any
//! image has is refused.

mod inflated;

use std::{
    collections::HashMap,
    ffi::OsStr,
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek as _, SeekFrom},
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use tar::Header;

use self::inflated::Inflated;
use super::super::{
    ImageError,
    interrupt::{Interrupt, Interruptible},
    unpack::{
        LayerError,
        member::{Kind, Member, path_of},
        tar_stream::TarStream,
    },
};

/// Largest document that is read, in bytes.
const LARGEST_DOCUMENT: u64 = 16 * 1024 * 1024;
/// Documents of a compressed archive that are kept from the first look have at most so many bytes, all together at most
/// [`LARGEST_DOCUMENT`].
const SMALL: u64 = 1024 * 1024;
/// Most members of an archive.
const MOST_MEMBERS: usize = 65_536;
/// Most bytes of their names and the targets of links, all together.
const MOST_NAME_BYTES: usize = 8 * 1024 * 1024;
/// Links from one member to another that are followed.
const MOST_LINKS: usize = 8;

/// The members of an archive.
pub(super) struct Contents {
    path: PathBuf,
    shape: Shape,
    members: HashMap<PathBuf, Place>,
    /// Bytes of the names in `members`.
    name_bytes: usize,
    /// Contents of small members of a compressed archive.
    documents: HashMap<PathBuf, Vec<u8>>,
    reader: Option<Counted>,
    interrupt: Interrupt,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Plain,
    Compressed,
}

/// Where a member's content is.
#[derive(Debug, Clone)]
enum Place {
    Here {
        offset: u64,
        size: u64,
    },
    /// Docker before 25 stores equal layers once.
    At(PathBuf),
}

impl Contents {
    /// Looks through the archive.
    pub(super) fn of(path: &Path, interrupt: &Interrupt) -> Result<Self, ImageError> {
        let failed = ImageError::io(format!("read {}", path.display()));
        let mut file = BufReader::new(File::open(path).map_err(failed)?);
        let start = file
            .fill_buf()
            .map_err(ImageError::io("read the archive"))?;
        let plain = start.len() >= 512 && start[257..].starts_with(b"ustar") || is_old_tar(start);
        let mut archive = Self {
            path: path.to_owned(),
            shape: if plain {
                Shape::Plain
            } else {
                Shape::Compressed
            },
            members: HashMap::new(),
            name_bytes: 0,
            documents: HashMap::new(),
            reader: None,
            interrupt: interrupt.clone(),
        };
        let looked = if plain {
            archive.look_through(TarStream::new(file), interrupt, |stream, _| {
                stream.seek_past().map(|()| None)
            })
        } else {
            let content = Inflated::new(file, interrupt);
            let content = content.map_err(ImageError::io("read the archive"))?;
            let stream = TarStream::new(BufReader::new(content));
            let mut room = LARGEST_DOCUMENT;
            archive.look_through(stream, interrupt, |stream, member| {
                if member.stored > SMALL.min(room) {
                    return Ok(None);
                }
                room -= member.stored;
                let mut bytes = Vec::new();
                stream.copy(member.stored, |piece| {
                    bytes.extend_from_slice(piece);
                    Ok(())
                })?;
                Ok(Some(bytes))
            })
        };
        looked.map_err(|error| match error {
            _ if interrupt.is_set() => ImageError::Interrupted,
            error => ImageError::Archive {
                reason: error.to_string(),
            },
        })?;
        Ok(archive)
    }

    fn look_through<R: BufRead>(
        &mut self,
        mut stream: TarStream<R>,
        interrupt: &Interrupt,
        mut content: impl FnMut(&mut TarStream<R>, &Member) -> Result<Option<Vec<u8>>, LayerError>,
    ) -> Result<(), LayerError> {
        while let Some(member) = stream.next()? {
            interrupt.check().map_err(LayerError::Read)?;
            let path = path_of(&member.name)?;
            let place = match member.kind {
                Kind::File => Place::Here {
                    offset: stream.position(),
                    size: member.stored,
                },
                Kind::HardLink => Place::At(path_of(&member.link)?),
                Kind::Symlink => {
                    let mut target = path
                        .parent()
                        .unwrap_or(Path::new(""))
                        .as_os_str()
                        .to_owned();
                    target.push("/");
                    target.push(OsStr::from_bytes(&member.link));
                    Place::At(path_of(target.as_encoded_bytes())?)
                }
                _ => continue,
            };
            self.count(&path, &place)?;
            if let Some(bytes) = content(&mut stream, &member)? {
                self.documents.insert(path.clone(), bytes);
            }
            self.members.insert(path, place);
        }
        Ok(())
    }

    /// Refuses what no image archive has. A name that comes again counts again: it does no harm.
    fn count(&mut self, path: &Path, place: &Place) -> Result<(), LayerError> {
        if self.members.len() == MOST_MEMBERS {
            let reason = format!("more than {MOST_MEMBERS} members");
            return Err(LayerError::malformed(reason));
        }
        self.name_bytes += path.as_os_str().len();
        if let Place::At(target) = place {
            self.name_bytes += target.as_os_str().len();
        }
        if self.name_bytes > MOST_NAME_BYTES {
            let reason = format!("names of more than {MOST_NAME_BYTES} bytes");
            return Err(LayerError::malformed(reason));
        }
        Ok(())
    }

    /// Whether there is a member of that name.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.members.contains_key(path)
    }

    /// All of a member that is a document.
    pub(super) fn document(&mut self, path: &Path) -> Result<Vec<u8>, ImageError> {
        let (path, offset, size) = self.place(path)?;
        if let Some(bytes) = self.documents.get(&path) {
            return Ok(bytes.clone());
        }
        if size > LARGEST_DOCUMENT {
            return Err(ImageError::Archive {
                reason: format!("{} is too large for a document", path.display()),
            });
        }
        let mut bytes = Vec::new();
        let read = self.section(offset, size)?.read_to_end(&mut bytes);
        read.map_err(ImageError::io(format!("read {}", path.display())))?;
        Ok(bytes)
    }

    /// The member that holds the content of `path`, and where it is.
    pub(super) fn place(&self, path: &Path) -> Result<(PathBuf, u64, u64), ImageError> {
        let mut path = path.to_owned();
        for _ in 0..MOST_LINKS {
            match self.members.get(&path) {
                Some(Place::Here { offset, size }) => return Ok((path, *offset, *size)),
                Some(Place::At(target)) => path.clone_from(target),
                None => break,
            }
        }
        Err(ImageError::Archive {
            reason: format!("it lacks {}", path.display()),
        })
    }

    /// The bytes from `offset` on, of an archive that may have to be decompressed to get there.
    pub(super) fn section(
        &mut self,
        offset: u64,
        size: u64,
    ) -> Result<Box<dyn Read + Send + '_>, ImageError> {
        let failed = || ImageError::io(format!("read {}", self.path.display()));
        let reader = match (self.shape, self.reader.take()) {
            (Shape::Compressed, Some(reader)) if reader.position <= offset => reader,
            (shape, _) => {
                let mut file = BufReader::new(File::open(&self.path).map_err(failed())?);
                match shape {
                    Shape::Plain => {
                        file.seek(SeekFrom::Start(offset)).map_err(failed())?;
                        Counted {
                            reader: Box::new(file),
                            position: offset,
                        }
                    }
                    Shape::Compressed => Counted {
                        reader: Box::new(Inflated::new(file, &self.interrupt).map_err(failed())?),
                        position: 0,
                    },
                }
            }
        };
        let reader = self.reader.insert(reader);
        let before = offset - reader.position;
        let mut before = Interruptible {
            reader: reader.by_ref().take(before),
            interrupt: self.interrupt.clone(),
        };
        let skipped = io::copy(&mut before, &mut io::sink());
        skipped.map_err(ImageError::io("read the archive"))?;
        Ok(Box::new(reader.take(size)))
    }
}

/// Tar files from before POSIX have no mark, but a checksum.
fn is_old_tar(start: &[u8]) -> bool {
    let Some(block) = start.get(..512) else {
        return false;
    };
    let sum = block[..148]
        .iter()
        .chain(&block[156..])
        .map(|&b| u32::from(b))
        .sum::<u32>();
    Header::from_byte_slice(block).cksum().ok() == Some(sum + 256)
}

/// A stream that knows how far it has been read.
struct Counted {
    reader: Box<dyn Read + Send>,
    position: u64,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.reader.read(buffer)?;
        self.position += bytes as u64;
        Ok(bytes)
    }
}
