//! The zip archive: the same files always become the same bytes.
//!
//! No extra fields, one date (the earliest the format knows), one compression level, directories and then files in order of their paths; what
//! the deflate encoder writes is fixed by its version in the lockfile.

use std::collections::BTreeSet;
use std::io::{Cursor, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::content::Files;
use super::error::LayerError;

/// Deflate's level: a layer is written once and read at every cold start.
const LEVEL: i64 = 9;

/// Directories have entries of their own: without one, a directory's mode is up to whoever unpacks the archive.
const DIRECTORY_MODE: u32 = 0o755;

/// Packs the files.
///
/// # Errors
/// [`LayerError::Zip`] when a path or size is beyond the format.
pub fn pack(name: &str, files: &Files) -> Result<Vec<u8>, LayerError> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(LEVEL))
        .last_modified_time(DateTime::default());
    for directory in directories(files) {
        let options = options.unix_permissions(DIRECTORY_MODE);
        writer
            .add_directory(directory, options)
            .map_err(LayerError::zip(name))?;
    }
    for (path, file) in files {
        let options = options.unix_permissions(file.kind.permissions());
        writer
            .start_file(path.as_str(), options)
            .and_then(|()| Ok(writer.write_all(&file.content)?))
            .map_err(LayerError::zip(name))?;
    }
    let bytes = writer.finish().map_err(LayerError::zip(name))?;
    Ok(bytes.into_inner())
}

/// Every directory above a file, in order.
fn directories(files: &Files) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for path in files.keys() {
        let slashes = path.match_indices('/');
        found.extend(slashes.filter_map(|(at, _)| path.get(..at)));
    }
    found
}
