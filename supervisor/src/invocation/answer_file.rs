//! The answer of a job, as a file. A job's answer has no size limit, so none of it is held in memory.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use zip::ZipWriter;

use crate::stage_out::listing::OutputFile;

use super::archive::{add, files, naming, open_regular};

/// Puts the files below `output` into `answer`: the only one as it is, several as a zip archive with their paths. Without
/// any, no file is made.
///
/// # Errors
/// The operating system's, naming the file. An unfinished `answer` is removed.
pub(super) fn write(output: &Path, answer: &Path) -> io::Result<()> {
    // It has its name when it is complete: whoever has stopped waiting for it finds nothing.
    let part = answer.with_extension("part");
    let written = match files(output)?.as_slice() {
        [] => return Ok(()),
        [only] => copy(only, &part),
        several => archive(several, &part),
    };
    written
        .and_then(|()| fs::rename(&part, answer))
        .inspect_err(|_| drop(fs::remove_file(&part)))
}

/// Links the file where that is possible, which costs no space, and copies it elsewhere.
fn copy(file: &OutputFile, answer: &Path) -> io::Result<()> {
    if fs::hard_link(&file.source, answer).is_ok() {
        return Ok(());
    }
    let copied = || {
        io::copy(
            &mut open_regular(&file.source)?,
            &mut File::create_new(answer)?,
        )
    };
    copied()
        .map_err(|error| naming(&file.relative, &error))
        .map(drop)
}

fn archive(files: &[OutputFile], answer: &Path) -> io::Result<()> {
    let mut archive = ZipWriter::new(File::create_new(answer)?);
    for file in files {
        let mut add = || -> io::Result<()> {
            let mut content = open_regular(&file.source)?;
            let size = content.metadata()?.len();
            add(
                &mut archive,
                &file.relative.to_string_lossy(),
                size,
                &mut content,
            )
        };
        add().map_err(|error| naming(&file.relative, &error))?;
    }
    archive.finish().map(drop).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_or_absent() {
        let directory = tempfile::tempdir().unwrap();
        let output = directory.path().join("output");
        fs::create_dir(&output).unwrap();
        for name in ["a", "b"] {
            fs::write(output.join(name), name).unwrap();
        }
        let answer = directory.path().join("answer");
        // Somebody still writes one.
        let part = answer.with_extension("part");
        fs::write(&part, "half a zip").unwrap();
        assert!(write(&output, &answer).is_err());
        assert!(!answer.exists() && !part.exists());
        write(&output, &answer).unwrap();
        assert!(fs::read(&answer).unwrap().starts_with(b"PK"));
        assert!(!part.exists());
    }
}
