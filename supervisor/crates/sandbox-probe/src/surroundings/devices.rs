//! What there is in `/dev`.

use std::{fs::FileType, os::unix::fs::FileTypeExt as _};

use serde::{Deserialize, Serialize};

/// An entry of `/dev`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its file name.
    pub name: String,
    /// What it is, in a word or two: link, directory, character device.
    pub kind: String,
    /// Where a link leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

/// In the order of their names.
pub(super) fn all() -> Vec<Device> {
    let entries = std::fs::read_dir("/dev").into_iter().flatten().flatten();
    let mut devices: Vec<_> = entries
        .map(|entry| Device {
            name: entry.file_name().to_string_lossy().into_owned(),
            kind: entry.file_type().map_or("unknown", kind).to_owned(),
            target: std::fs::read_link(entry.path())
                .ok()
                .map(|target| target.display().to_string()),
        })
        .collect();
    devices.sort_by(|a, b| a.name.cmp(&b.name));
    devices
}

/// A file's type in a word or two.
pub(super) fn kind(file: FileType) -> &'static str {
    [
        (file.is_symlink(), "link"),
        (file.is_dir(), "directory"),
        (file.is_char_device(), "character device"),
        (file.is_block_device(), "block device"),
        (file.is_fifo(), "pipe"),
        (file.is_socket(), "socket"),
        (file.is_file(), "file"),
    ]
    .into_iter()
    .find_map(|(is, name)| is.then_some(name))
    .unwrap_or("other")
}
