//! The versions that the layer is pinned to, and its limits.

/// udocker's version, the same as `tests/setup/packages.sh` installs.
pub const UDOCKER_VERSION: &str = "1.3.17";
/// The file pip downloads for it.
pub const UDOCKER_WHEEL: &str = "udocker-1.3.17-py2.py3-none-any.whl";
/// SHA-256 of that file.
pub const UDOCKER_SHA256: &str = "fd6589de0f3af7c1cd6a29554f2c00f2ef1fbd91da184ca30f8cea1eb42bcd2b";
/// Engines older than this make that udocker download others (`tarball_release` in its `config.py`).
pub const ENGINES_MINIMUM: &str = "1.2.11";

/// Largest zip that can be uploaded directly, in bytes (AWS Lambda quotas: 50 MB).
pub const ZIPPED_LIMIT: u64 = 50 * 1024 * 1024;
/// Largest content of all layers and the function together, in bytes (AWS Lambda quotas: 250 MB).
pub const UNZIPPED_LIMIT: u64 = 250 * 1024 * 1024;
