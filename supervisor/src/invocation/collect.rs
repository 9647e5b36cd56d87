//! `response: files`: output files on their way into the answer, read before the workspace is removed. Memory is
//! bounded by what an answer can carry, whatever the container wrote.

mod bounded;

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use zip::ZipWriter;

use crate::{
    event::{Event, Source},
    response::{Files, body_limit},
};
use config::{FunctionConfig, ResponseContent};

use super::archive::{self, naming, open_regular};

use bounded::Bounded;

/// Whether output files are kept for the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerFiles {
    /// The answer can carry them, if the configuration asks for it (`response: files`).
    Keep,
    /// The answer to a direct event is put into this file, which does not exist yet: the only output file as it is, or a
    /// zip archive of several. Without any there will be no file.
    Write(PathBuf),
    /// No answer can carry them: a terminal's answer is an exit code.
    Ignore,
}

/// Files of more than this many times an answer's size are not compressed: it would take long and rarely fit.
const WORTH_TRYING: u64 = 8;

/// The collector of an invocation whose answer carries files, which needs a caller who waits for it.
pub(super) fn collector(
    config: &FunctionConfig,
    answer_files: &AnswerFiles,
    event: &Event,
) -> Option<Collector> {
    let waits = matches!(event.source, Source::Http(_) | Source::Direct);
    let asked = config.response == ResponseContent::Files && *answer_files == AnswerFiles::Keep;
    (waits && asked).then(|| Collector::new(body_limit(&event.source)))
}

/// The file that the answer to this event is put into.
pub(super) fn answer_file<'a>(answer_files: &'a AnswerFiles, event: &Event) -> Option<&'a Path> {
    match answer_files {
        AnswerFiles::Write(path) if event.source == Source::Direct => Some(path),
        AnswerFiles::Write(_) | AnswerFiles::Keep | AnswerFiles::Ignore => None,
    }
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
    /// Too many bytes. Sizes are still counted.
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
        for output in archive::files(dir)? {
            let file = open_regular(&output.source).map_err(|e| naming(&output.relative, &e))?;
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
                let size = content.len() as u64;
                archive::add(&mut archive, &name, size, &mut content.as_slice())?;
                archive
            }
        };
        archive::add(&mut archive, &name, size, &mut file)?;
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

#[cfg(test)]
mod tests;
