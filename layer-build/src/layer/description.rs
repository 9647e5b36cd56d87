//! The JSON file beside the zip. It tells the publisher what the layer is.

use serde::{Deserialize, Serialize};

use super::arch::Arch;

/// Runtimes that the layer works on: managed Python runtimes through `exec-wrapper`, `provided.*` through `bootstrap`.
pub const COMPATIBLE_RUNTIMES: [&str; 8] = [
    "python3.9",
    "python3.10",
    "python3.11",
    "python3.12",
    "python3.13",
    "python3.14",
    "provided.al2",
    "provided.al2023",
];

/// One assembled layer, as `faas-supervisor-<arch>.json` beside `faas-supervisor-<arch>.zip` describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerDescription {
    /// The supervisor's version.
    pub version: String,
    /// The processor its programs are for.
    pub arch: Arch,
    /// SHA-256 of the zip, in hexadecimal: the content hash. Layers of the same content have the same one.
    pub sha256: String,
    /// Size of the zip, in bytes.
    pub size: u64,
    /// Version of udocker inside.
    pub udocker_version: String,
    /// Version of udocker's engines inside.
    pub engines_version: String,
    /// Runtimes it works on.
    pub compatible_runtimes: Vec<String>,
}

impl LayerDescription {
    /// Version and content hash on one line, for the description of a published layer version (which may have 256 characters).
    /// Where a version has the same description, there is nothing to publish.
    pub fn version_text(&self) -> String {
        format!("faas-supervisor {} sha256:{}", self.version, self.sha256)
    }
}
