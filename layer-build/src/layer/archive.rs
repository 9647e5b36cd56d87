//! The zip archive. The same files always make the same bytes.
//!
//! It has no extra fields, one date (the earliest of the format), one compression level, and directories before files, each in the
//! order of their paths. The version in the lockfile fixes what the deflate encoder writes.

use std::collections::BTreeSet;
use std::io::{Cursor, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::content::Files;
use super::error::LayerError;

/// Level of compression. It is the highest, because a layer is written once and read at every cold start.
const LEVEL: i64 = 9;

/// Mode of directories. They have entries of their own, because otherwise the program that unpacks the archive chooses their modes.
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
