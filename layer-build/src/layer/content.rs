//! The files of a layer: path, mode, content and origin.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::arch::Arch;

/// Path of the manifest in the layer.
pub const MANIFEST_PATH: &str = "manifest.json";

/// Whether a file is started or only read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A program or a script, mode 0755.
    Program,
    /// Anything else, mode 0644.
    Data,
}

impl Kind {
    /// Its mode.
    pub fn permissions(self) -> u32 {
        match self {
            Self::Program => 0o755,
            Self::Data => 0o644,
        }
    }
}

/// Origin and licence of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSource {
    /// Where they come from.
    pub origin: String,
    /// SPDX expression.
    pub licence: &'static str,
}

/// One file of the layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerFile {
    /// Program or data.
    pub kind: Kind,
    /// Its content.
    pub content: Vec<u8>,
    /// Its origin and licence.
    pub source: FileSource,
}

/// All files of a layer by their path below `/opt`, in order.
pub type Files = BTreeMap<String, LayerFile>;

/// `manifest.json`: every other file of the layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The supervisor's version.
    pub version: String,
    /// The processor.
    pub arch: Arch,
    /// udocker's version.
    pub udocker_version: String,
    /// The engines' version.
    pub engines_version: String,
    /// Every file but the manifest, by path.
    pub files: Vec<ManifestEntry>,
}

/// One file in the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestEntry {
    /// Path below `/opt`.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of the content, in hexadecimal.
    pub sha256: String,
    /// Its origin.
    pub origin: String,
    /// SPDX expression.
    pub licence: String,
}

impl ManifestEntry {
    /// Describes a file.
    pub fn new(path: &str, file: &LayerFile) -> Self {
        Self {
            path: path.to_owned(),
            size: file.content.len() as u64,
            sha256: sha256(&file.content),
            origin: file.source.origin.clone(),
            licence: file.source.licence.to_owned(),
        }
    }
}

/// SHA-256 in hexadecimal.
pub fn sha256(content: &[u8]) -> String {
    format!("{:x}", Sha256::digest(content))
}
