//! Outputs: which files go to which bucket, under which key.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use config::location::{Bucket, Key, MAX_KEY_BYTES};
use config::{FunctionConfig, OutputRule, ProviderId, split_path};

/// Where the files of one `output` rule go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputTarget {
    /// The store.
    pub provider: ProviderId,
    /// The bucket.
    pub bucket: Bucket,
    /// Folder in the bucket, without leading, trailing or doubled slashes; empty for the bucket itself.
    pub prefix_path: String,
    /// The rule this comes from.
    pub rule: OutputRule,
}

/// A file that has no key in its target.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OutputKeyError {
    /// Keys are UTF-8 (S3 user guide, "Naming Amazon S3 objects").
    #[error(
        "output file {file:?} cannot be uploaded: its name is not UTF-8; rename it in the script"
    )]
    NotUtf8 {
        /// The file, relative to the output directory.
        file: PathBuf,
    },
    /// The key would be longer than [`MAX_KEY_BYTES`].
    #[error(
        "output file {file:?} cannot be uploaded: its key below {prefix:?} would have {bytes} bytes, and a key has at \
         most {MAX_KEY_BYTES}; use a shorter output path or file name"
    )]
    TooLong {
        /// The file, relative to the output directory.
        file: PathBuf,
        /// The folder in the bucket.
        prefix: String,
        /// Length of the key.
        bytes: usize,
    },
    /// The path is not that of a file below the output directory.
    #[error("output file {file:?} cannot be uploaded: it is not a path below the output directory")]
    NotRelative {
        /// The path.
        file: PathBuf,
    },
}

impl OutputTarget {
    /// The target of a rule; `None` when the rule's path names no bucket.
    pub fn new(rule: &OutputRule) -> Option<Self> {
        Some(Self::at(split_path(&rule.path)?, rule))
    }

    /// The same in a configuration, where paths of an Onedata provider are below its space.
    pub fn of(rule: &OutputRule, config: &FunctionConfig) -> Option<Self> {
        let place = config.place(&rule.storage_provider, &rule.path)?;
        Some(Self::at(place, rule))
    }

    fn at((bucket, prefix_path): (Bucket, String), rule: &OutputRule) -> Self {
        Self {
            provider: rule.storage_provider.clone(),
            bucket,
            prefix_path,
            rule: rule.clone(),
        }
    }

    /// Whether this target takes a file. `relative` is its path below the output directory; what is compared is the file's
    /// own name, the part after the last slash. It must begin with one of the rule's prefixes and end with one of its
    /// suffixes, where an empty list means any.
    pub fn accepts(&self, relative: &[u8]) -> bool {
        let name = relative
            .rsplit(|byte| *byte == b'/')
            .next()
            .unwrap_or(relative);
        let OutputRule { prefix, suffix, .. } = &self.rule;
        (prefix.is_empty()
            || prefix
                .iter()
                .any(|prefix| name.starts_with(prefix.as_bytes())))
            && (suffix.is_empty()
                || suffix
                    .iter()
                    .any(|suffix| name.ends_with(suffix.as_bytes())))
    }

    /// The key of a file: the folder, one slash, and the file's path below the output directory byte for byte.
    ///
    /// # Errors
    /// [`OutputKeyError`] naming the file when its path is not UTF-8, leaves the directory or makes too long a key.
    pub fn key_for(&self, relative: &Path) -> Result<Key, OutputKeyError> {
        let file = || relative.to_path_buf();
        let Ok(path) = std::str::from_utf8(relative.as_os_str().as_bytes()) else {
            return Err(OutputKeyError::NotUtf8 { file: file() });
        };
        if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(OutputKeyError::NotRelative { file: file() });
        }
        let key = if self.prefix_path.is_empty() {
            path.to_owned()
        } else {
            format!("{}/{path}", self.prefix_path)
        };
        if key.len() > MAX_KEY_BYTES {
            return Err(OutputKeyError::TooLong {
                file: file(),
                prefix: self.prefix_path.clone(),
                bytes: key.len(),
            });
        }
        Key::new(key).map_err(|_| OutputKeyError::NotRelative { file: file() })
    }
}
