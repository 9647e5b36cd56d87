//! Which files of the output directory are outputs.

use std::fs::{self, FileType, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A file to upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OutputFile {
    /// Its name below the output directory, as the container gave it.
    pub(super) relative: PathBuf,
    /// The regular file that holds its content: itself, or what a symlink of that name leads to.
    pub(super) source: PathBuf,
}

/// The regular files below `dir`, relative to it, in byte order of their paths. A symlink counts as the regular file
/// it leads to, provided that is below `dir` too; everything else is left out and never opened.
///
/// # Errors
/// When `dir` cannot be read. Directories below it that cannot are left out.
pub fn list_outputs(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let files = list(dir)?.files.into_iter();
    Ok(files.map(|file| file.relative).collect())
}

/// What is below an output directory.
#[derive(Debug)]
pub(super) struct Listing {
    /// The files to upload.
    pub(super) files: Vec<OutputFile>,
    /// Directories whose files cannot be known, relative, each with the reason.
    pub(super) unreadable: Vec<(PathBuf, io::Error)>,
}

/// As [`list_outputs`], with the place of each content and with what could not be read.
pub(super) fn list(dir: &Path) -> io::Result<Listing> {
    // The container can put a link in its place, to have files uploaded that are not its own.
    if !fs::symlink_metadata(dir)?.is_dir() {
        let message = "the container replaced the directory by something else";
        return Err(io::Error::new(io::ErrorKind::NotADirectory, message));
    }
    let root = fs::canonicalize(dir)?;
    let mut files = Vec::new();
    let mut directories = vec![PathBuf::new()];
    let mut unreadable = Vec::new();
    while let Some(directory) = directories.pop() {
        let entries = match fs::read_dir(root.join(&directory)) {
            Ok(entries) => entries,
            Err(error) if directory.as_os_str().is_empty() => return Err(error),
            Err(error) => {
                unreadable.push((directory, error));
                continue;
            }
        };
        for entry in entries {
            let entry = entry?;
            let relative = directory.join(entry.file_name());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                directories.push(relative);
            } else if let Some(source) = source(&root, entry.path(), kind) {
                files.push(OutputFile { relative, source });
            }
        }
    }
    files.sort_by(|a, b| {
        a.relative
            .as_os_str()
            .as_bytes()
            .cmp(b.relative.as_os_str().as_bytes())
    });
    Ok(Listing { files, unreadable })
}

/// The regular file behind a directory entry, if that is what it is.
fn source(root: &Path, path: PathBuf, kind: FileType) -> Option<PathBuf> {
    if kind.is_file() {
        return Some(path);
    }
    let skip = |why: &str| {
        tracing::debug!(file = %path.display(), "not an output: {why}");
        None
    };
    if !kind.is_symlink() {
        return skip("neither a regular file nor a directory");
    }
    match fs::canonicalize(&path) {
        Err(_) => skip("the symlink leads nowhere"),
        Ok(real) if !real.starts_with(root) => skip("the symlink leaves the output directory"),
        Ok(real)
            if fs::symlink_metadata(&real)
                .as_ref()
                .is_ok_and(Metadata::is_file) =>
        {
            Some(real)
        }
        Ok(_) => skip("the symlink does not lead to a regular file"),
    }
}
