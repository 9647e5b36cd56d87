//! Image archives: what `docker save` writes, the OCI image layout as a tar file, and Docker 25's, which is both; each
//! also compressed as a whole.
//!
//! Nothing is unpacked but the layers: a first look notes where everything is. A compressed archive can only be read
//! forward, so it is read again for each layer that comes before its predecessor.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use serde::Deserialize;
use tar::Header;

use super::{
    Digest, ImageError,
    decode::decoder,
    document::{Config, Descriptor, ImageManifest, Manifest, choose},
    pipeline::{Interrupt, Layer, Source},
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
/// Links from one member to another that are followed.
const MOST_LINKS: usize = 8;

/// An archive whose contents are known.
pub(crate) struct Archive {
    path: PathBuf,
    shape: Shape,
    members: HashMap<PathBuf, Place>,
    /// Contents of small members of a compressed archive.
    documents: HashMap<PathBuf, Vec<u8>>,
    /// Members that hold the layers, once they are known.
    layers: Vec<PathBuf>,
    reader: Option<Counted>,
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

/// One of the images in `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    layers: Vec<String>,
}

impl Archive {
    /// Looks through the archive.
    pub(crate) fn open(path: &Path, interrupt: &Interrupt) -> Result<Self, ImageError> {
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
            documents: HashMap::new(),
            layers: Vec::new(),
            reader: None,
        };
        let looked = if plain {
            archive.look_through(TarStream::new(file), interrupt, |stream, _| {
                stream.seek_past().map(|()| None)
            })
        } else {
            let content = decoder(file).map_err(ImageError::io("read the archive"))?;
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
            if interrupt.is_set() {
                return Err(LayerError::Read(io::Error::other("interrupted")));
            }
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
                    target.push(
                        <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(&member.link),
                    );
                    Place::At(path_of(target.as_encoded_bytes())?)
                }
                _ => continue,
            };
            if let Some(bytes) = content(&mut stream, &member)? {
                self.documents.insert(path.clone(), bytes);
            }
            self.members.insert(path, place);
        }
        Ok(())
    }

    /// The image in the archive: its layers and its configuration.
    pub(crate) fn image(&mut self) -> Result<(Vec<Layer>, Config), ImageError> {
        if self.members.contains_key(Path::new("manifest.json")) {
            return self.saved_image();
        }
        if self.members.contains_key(Path::new("index.json")) {
            return self.layout_image();
        }
        Err(ImageError::Archive {
            reason: "it holds neither manifest.json nor index.json".to_owned(),
        })
    }

    fn saved_image(&mut self) -> Result<(Vec<Layer>, Config), ImageError> {
        let bytes = self.document(Path::new("manifest.json"))?;
        let images: Vec<Saved> =
            serde_json::from_slice(&bytes).map_err(ImageError::document("manifest.json"))?;
        if images.len() > 1 {
            tracing::warn!(
                images = images.len(),
                "the archive holds several images: the first is used"
            );
        }
        let image = images
            .into_iter()
            .next()
            .ok_or_else(|| ImageError::Archive {
                reason: "its manifest.json names no image".to_owned(),
            })?;
        let config = self.document(Path::new(&image.config))?;
        let config = Config::parse(config, image.layers.len())?;
        let layers = image.layers.iter().enumerate().map(|(index, name)| Layer {
            label: name.clone(),
            digest: None,
            diff_id: config.diff_id(index),
        });
        let layers = layers.collect();
        for name in &image.layers {
            self.layers.push(self.place(Path::new(name))?.0);
        }
        Ok((layers, config))
    }

    fn layout_image(&mut self) -> Result<(Vec<Layer>, Config), ImageError> {
        let bytes = self.document(Path::new("index.json"))?;
        let mut manifest = Manifest::parse(&bytes)?;
        let image = loop {
            match manifest {
                Manifest::Image(image) => break image,
                Manifest::Index(index) => {
                    let bytes = self.blob(choose(&index)?)?;
                    manifest = Manifest::parse(&bytes)?;
                }
            }
        };
        self.layout_layers(&image)
    }

    fn layout_layers(&mut self, image: &ImageManifest) -> Result<(Vec<Layer>, Config), ImageError> {
        let config = Config::parse(self.blob(&image.config)?, image.layers.len())?;
        let layers = image.layers.iter().enumerate().map(|(index, layer)| Layer {
            label: layer.digest.to_string(),
            digest: Some(layer.digest.clone()),
            diff_id: config.diff_id(index),
        });
        let layers = layers.collect();
        for layer in &image.layers {
            self.layers.push(self.place(&blob_path(&layer.digest))?.0);
        }
        Ok((layers, config))
    }

    fn blob(&mut self, descriptor: &Descriptor) -> Result<Vec<u8>, ImageError> {
        let bytes = self.document(&blob_path(&descriptor.digest))?;
        descriptor.digest.expect(&Digest::of(&bytes), "document")?;
        Ok(bytes)
    }

    fn document(&mut self, path: &Path) -> Result<Vec<u8>, ImageError> {
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
    fn place(&self, path: &Path) -> Result<(PathBuf, u64, u64), ImageError> {
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
    fn section(&mut self, offset: u64, size: u64) -> Result<Box<dyn Read + Send + '_>, ImageError> {
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
                        reader: decoder(file).map_err(failed())?,
                        position: 0,
                    },
                }
            }
        };
        let reader = self.reader.insert(reader);
        let before = offset - reader.position;
        let skipped = io::copy(&mut reader.by_ref().take(before), &mut io::sink());
        skipped.map_err(ImageError::io("read the archive"))?;
        Ok(Box::new(reader.take(size)))
    }
}

impl Source for Archive {
    fn open(&mut self, index: usize) -> Result<Box<dyn Read + Send + '_>, ImageError> {
        let path = self.layers.get(index).cloned().unwrap_or_default();
        let (_, offset, size) = self.place(&path)?;
        self.section(offset, size)
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

fn blob_path(digest: &Digest) -> PathBuf {
    Path::new("blobs/sha256").join(digest.hex())
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
