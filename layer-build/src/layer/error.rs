//! Why a layer cannot be assembled.

use std::io;
use std::path::{Path, PathBuf};

use super::arch::Arch;
use super::pin;
use crate::elf::ElfError;

/// Why a layer cannot be assembled; each says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// A file or directory cannot be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// The supervisor's file is not a program.
    #[error(transparent)]
    Binary(#[from] ElfError),
    /// The supervisor's file is a program that would not run in the layer.
    #[error("{} is {found}, but the layer needs a static program for {arch}: build it with `make build build-arm64`", path.display())]
    WrongBinary {
        /// The program.
        path: PathBuf,
        /// What it is.
        found: String,
        /// What it should be for.
        arch: Arch,
    },
    /// The udocker package is not the pinned one.
    #[error(
        "{} is not udocker {}: its SHA-256 is {found} instead of {}; remove it, or hand in the right file with --udocker-package",
        path.display(), pin::UDOCKER_VERSION, pin::UDOCKER_SHA256
    )]
    WrongPackage {
        /// The file.
        path: PathBuf,
        /// Its hash.
        found: String,
    },
    /// The udocker package cannot be downloaded.
    #[error(
        "cannot download udocker {} with pip: {reported}\nWithout a network, fetch {} elsewhere and hand it in with --udocker-package FILE",
        pin::UDOCKER_VERSION,
        pin::UDOCKER_WHEEL
    )]
    NoPackage {
        /// The end of pip's output.
        reported: String,
    },
    /// The engines cannot be downloaded.
    #[error(
        "`udocker install` cannot download its engines: {reported}\nWithout a network, fetch udocker's engine tarball (udocker-englib-{}.tar.gz or newer, named in udocker's installation manual) elsewhere and hand it in: --engines-tarball FILE, or UDOCKER_TARBALL=FILE in the environment",
        pin::ENGINES_MINIMUM
    )]
    NoEngines {
        /// The end of udocker's output.
        reported: String,
    },
    /// udocker refuses the given engines.
    #[error(
        "`udocker install` refuses the engine tarball {}: {reported}\nudocker {} needs a tarball with udocker_dir/lib/VERSION {} or newer",
        path.display(), pin::UDOCKER_VERSION, pin::ENGINES_MINIMUM
    )]
    WrongEngines {
        /// The tarball.
        path: PathBuf,
        /// The end of udocker's output.
        reported: String,
    },
    /// The installed engines would make udocker download others.
    #[error(
        "the engines are version {found:?}, but udocker {} downloads its own unless they are {} or newer: hand in a newer tarball",
        pin::UDOCKER_VERSION,
        pin::ENGINES_MINIMUM
    )]
    OldEngines {
        /// The version found.
        found: String,
    },
    /// The tarball has nothing for this processor.
    #[error(
        "the engines hold no {what} for {arch}, which F modes need: hand in a tarball that does"
    )]
    IncompleteEngines {
        /// Which file is missing.
        what: &'static str,
        /// The processor.
        arch: Arch,
    },
    /// A crate that is linked into the supervisor ships no licence text, and Rust's toolchain has none for its licence.
    #[error(
        "the crate {name} ({licence}) ships no licence text, and {} has none for it: a layer must not be given away without",
        looked.display()
    )]
    NoLicence {
        /// The crate.
        name: String,
        /// Its SPDX expression.
        licence: String,
        /// The directory that was searched for a standard text.
        looked: PathBuf,
    },
    /// A helper program cannot be started, or its output is unexpected.
    #[error("`{program}` failed: {reported}")]
    Program {
        /// Its command.
        program: &'static str,
        /// What happened.
        reported: String,
    },
    /// The layer is larger than AWS Lambda takes.
    #[error(
        "the layer for {arch} has {size} bytes {kind}, more than the {limit} that AWS Lambda takes: leave out engines (--engines f-modes)"
    )]
    TooLarge {
        /// The processor.
        arch: Arch,
        /// Zipped or unzipped.
        kind: &'static str,
        /// Its size.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// A zip cannot be read or written.
    #[error("zip archive {name}: {source}")]
    Zip {
        /// Which one.
        name: String,
        /// Why.
        source: zip::result::ZipError,
    },
}

impl LayerError {
    /// Wraps an operating system's error.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            action,
            path: path.to_path_buf(),
            source,
        }
    }

    /// Wraps an error of a zip archive.
    pub(super) fn zip(name: &str) -> impl FnOnce(zip::result::ZipError) -> Self {
        move |source| Self::Zip {
            name: name.to_owned(),
            source,
        }
    }
}
