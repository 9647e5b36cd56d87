//! `response: files`: output files on their way into the answer, read before the workspace is removed. Memory is
//! bounded by what an answer can carry, whatever the container wrote.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::{
    config::{FunctionConfig, ResponseContent},
    event::{Event, Source},
    response::{Files, body_limit},
    stage_out::listing::list,
};

use super::AnswerFiles;

/// Files of more than this many times an answer's size are not compressed: it would take long and rarely fit.
const WORTH_TRYING: u64 = 8;

/// Fast: the answer is waited for.
const COMPRESSION_LEVEL: i64 = 3;

/// The collector of an invocation, when its answer carries files: to somebody who waits for one.
pub(super) fn collector(
    config: &FunctionConfig,
    answer_files: AnswerFiles,
    event: &Event,
) -> Option<Collector> {
    let waits = matches!(event.source, Source::Http(_) | Source::Direct);
    let asked = config.response == ResponseContent::Files && answer_files == AnswerFiles::Keep;
    (waits && asked).then(|| Collector::new(body_limit(&event.source)))
}

/// The files so far.
#[derive(Debug)]
pub(super) struct Collector {
    /// Most bytes of an answer.
    limit: usize,
    files: u64,
    bytes: u64,
    held: Held,
}

/// What is in memory.
enum Held {
    Nothing,
    One {
        name: String,
        content: Vec<u8>,
    },
    Archive(Box<ZipWriter<Bounded>>),
    /// Too much; sizes are still counted.
    Dropped,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::One { .. } => "One",
            Self::Archive(_) => "Archive",
            Self::Dropped => "Dropped",
        })
    }
}

impl Collector {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            files: 0,
            bytes: 0,
            held: Held::Nothing,
        }
    }

    /// Adds the output files of one record, below `folder` when there are several records.
    ///
    /// # Errors
    /// The operating system's, when a file cannot be read.
    pub(super) fn add(mut self, dir: &Path, folder: Option<&str>) -> io::Result<Self> {
        let mut opened = Vec::new();
        for output in list(dir)? {
            let file = open_regular(&output.source).map_err(|e| {
                io::Error::new(e.kind(), format!("{}: {e}", output.relative.display()))
            })?;
            let size = file.metadata()?.len();
            self.files += 1;
            self.bytes += size;
            let name = output.relative.to_string_lossy();
            let name = match folder {
                Some(folder) => format!("{folder}/{name}"),
                None => name.into_owned(),
            };
            opened.push((name, output.source, size));
        }
        // All sizes are known before anything is read.
        if self.bytes > WORTH_TRYING * self.limit as u64 {
            self.held = Held::Dropped;
        }
        for (name, path, size) in opened {
            if matches!(self.held, Held::Dropped) {
                break;
            }
            self.hold(name, open_regular(&path)?, size)?;
        }
        Ok(self)
    }

    fn hold(&mut self, name: String, mut file: File, size: u64) -> io::Result<()> {
        if self.files == 1 {
            self.held = if size <= self.limit as u64 {
                let mut content = Vec::new();
                file.take(self.limit as u64 + 1).read_to_end(&mut content)?;
                Held::One { name, content }
            } else {
                Held::Dropped
            };
            return Ok(());
        }
        let mut archive = match std::mem::replace(&mut self.held, Held::Dropped) {
            Held::Archive(archive) => archive,
            Held::Nothing => self.new_archive(),
            Held::Dropped => return Ok(()),
            Held::One { name, content } => {
                let mut archive = self.new_archive();
                write(&mut archive, &name, &mut content.as_slice())?;
                archive
            }
        };
        write(&mut archive, &name, &mut file)?;
        self.held = Held::Archive(archive);
        Ok(())
    }

    fn new_archive(&self) -> Box<ZipWriter<Bounded>> {
        Box::new(ZipWriter::new(Bounded::new(self.limit)))
    }

    /// What the answer carries; nothing when there were no files.
    pub(super) fn finish(self) -> Option<Files> {
        let too_large = Files::TooLarge {
            files: self.files,
            bytes: self.bytes,
        };
        Some(match self.held {
            Held::Nothing => return None,
            Held::Dropped => too_large,
            Held::One { name, content } => Files::One {
                content_type: mime_guess::from_path(name)
                    .first_raw()
                    .unwrap_or("application/octet-stream")
                    .to_owned(),
                bytes: content,
            },
            Held::Archive(archive) => match archive.finish().map(|archive| archive.bytes) {
                Ok(Some(bytes)) => Files::Archive(bytes),
                Ok(None) | Err(_) => too_large,
            },
        })
    }
}

fn write(archive: &mut ZipWriter<Bounded>, name: &str, content: &mut dyn Read) -> io::Result<()> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(COMPRESSION_LEVEL));
    archive.start_file(name, options)?;
    io::copy(content, archive)?;
    Ok(())
}

/// Never follows a link that appeared since the listing, never waits for a FIFO's other end.
fn open_regular(path: &Path) -> io::Result<File> {
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
    File::options().read(true).custom_flags(flags).open(path)
}

/// Bytes in memory, never more than a limit: what goes beyond is counted and nothing is kept. It is no error, as an
/// archive's writer complains of errors on standard error when it is dropped.
struct Bounded {
    /// `None` once there were too many.
    bytes: Option<Vec<u8>>,
    position: u64,
    length: u64,
    limit: usize,
}

impl Bounded {
    fn new(limit: usize) -> Self {
        Self {
            bytes: Some(Vec::new()),
            position: 0,
            length: 0,
            limit,
        }
    }
}

impl Write for Bounded {
    fn write(&mut self, new: &[u8]) -> io::Result<usize> {
        let start = usize::try_from(self.position).unwrap_or(usize::MAX);
        let end = start.saturating_add(new.len());
        self.bytes = self.bytes.take().filter(|_| end <= self.limit);
        if let Some(bytes) = &mut self.bytes {
            bytes.resize(bytes.len().max(end), 0);
            if let Some(place) = bytes.get_mut(start..end) {
                place.copy_from_slice(new);
            }
        }
        self.position = end as u64;
        self.length = self.length.max(self.position);
        Ok(new.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Bounded {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let moved = match to {
            SeekFrom::Start(to) => Some(to),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = moved.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collected(limit: usize, records: &[&[(&str, &[u8])]]) -> Option<Files> {
        let mut collector = Collector::new(limit);
        for (index, files) in records.iter().enumerate() {
            let dir = tempfile::tempdir().unwrap();
            for (name, content) in *files {
                let path = dir.path().join(name);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, content).unwrap();
            }
            let folder = (records.len() > 1).then(|| (index + 1).to_string());
            collector = collector.add(dir.path(), folder.as_deref()).unwrap();
        }
        collector.finish()
    }

    fn unpacked(files: Option<Files>) -> Vec<(String, Vec<u8>)> {
        let Some(Files::Archive(bytes)) = files else {
            panic!("{files:?}")
        };
        let mut archive = zip::ZipArchive::new(io::Cursor::new(bytes)).unwrap();
        let mut contents = Vec::new();
        for index in 0..archive.len() {
            let mut file = archive.by_index(index).unwrap();
            let mut content = Vec::new();
            file.read_to_end(&mut content).unwrap();
            contents.push((file.name().unwrap().into_owned(), content));
        }
        contents
    }

    #[test]
    fn one_file_is_itself_and_several_are_an_archive() {
        assert_eq!(collected(100, &[&[]]), None);
        let one = Files::One {
            content_type: "image/png".to_owned(),
            bytes: b"picture".to_vec(),
        };
        assert_eq!(collected(100, &[&[("a/b.png", b"picture")]]), Some(one));
        let two = unpacked(collected(1000, &[&[("b", b"2"), ("a/x", b"1")]]));
        assert_eq!(
            two,
            [
                ("a/x".to_owned(), b"1".to_vec()),
                ("b".to_owned(), b"2".to_vec())
            ]
        );
        let records = unpacked(collected(1000, &[&[("x", b"1")], &[], &[("x", b"3")]]));
        assert_eq!(
            records,
            [
                ("1/x".to_owned(), b"1".to_vec()),
                ("3/x".to_owned(), b"3".to_vec())
            ]
        );
    }

    #[test]
    fn the_limit_holds_for_what_the_answer_carries() {
        let too_large = |files, bytes| Some(Files::TooLarge { files, bytes });
        assert_eq!(collected(10, &[&[("a", &[0; 11])]]), too_large(1, 11));
        assert!(matches!(
            collected(10, &[&[("a", &[0; 10])]]),
            Some(Files::One { .. })
        ));
        // Zeros shrink: more than the limit before, less after.
        assert_eq!(
            unpacked(collected(1000, &[&[("a", &[0; 3000]), ("b", &[0; 2000])]])).len(),
            2
        );
        let noise: Vec<u8> = (0..3000_u32)
            .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        assert_eq!(
            collected(1000, &[&[("a", &noise), ("b", b"1")]]),
            too_large(2, 3001)
        );
        assert_eq!(
            collected(1000, &[&[("a", &[0; 9000]), ("b", b"1")]]),
            too_large(2, 9001)
        );
        assert_eq!(
            collected(10, &[&[("a", &[0; 11])], &[("b", b"1")]]),
            too_large(2, 12)
        );
    }

    #[test]
    fn links_out_of_the_directory_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/hostname", dir.path().join("link")).unwrap();
        assert_eq!(
            Collector::new(100).add(dir.path(), None).unwrap().finish(),
            None
        );
    }
}
