//! The files of an output directory, and zip archives of them: what an answer with files is made from.

use std::{
    fs::File,
    io::{self, Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::stage_out::listing::{OutputFile, list};

/// Fast, because a caller waits for the answer.
const COMPRESSION_LEVEL: i64 = 3;

/// The files below an output directory.
///
/// # Errors
/// The operating system's, naming the file, when one cannot be read: an answer without it would be wrong.
pub(super) fn files(output: &Path) -> io::Result<Vec<OutputFile>> {
    let listing = list(output)?;
    match listing.unreadable.first() {
        Some((path, error)) => Err(naming(path, error)),
        None => Ok(listing.files),
    }
}

/// The error with the name of the file.
pub(super) fn naming(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Adds a file of `size` bytes to the archive.
pub(super) fn add(
    archive: &mut ZipWriter<impl Write + Seek>,
    name: &str,
    size: u64,
    content: &mut dyn Read,
) -> io::Result<()> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(COMPRESSION_LEVEL))
        // Sizes of 4 GiB and more need a wider header (ZIP file format specification, section 4.5.3).
        .large_file(size >= u64::from(u32::MAX));
    archive.start_file(name, options)?;
    io::copy(content, archive).map(drop)
}

/// Opens a listed file. Never follows a link that appeared since, and never waits for a FIFO's other end.
pub(super) fn open_regular(path: &Path) -> io::Result<File> {
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
    File::options().read(true).custom_flags(flags).open(path)
}
