//! Which machine a program is for and whether it is static, with the program's path in what goes wrong.

use std::io;
use std::path::{Path, PathBuf};

use rootfs::elf::Elf;
pub use rootfs::elf::{Linkage, Machine};
use rootfs::regular;

/// What a program's file says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inspection {
    /// Its processor.
    pub machine: Machine,
    /// What it needs to start.
    pub linkage: Linkage,
    /// The file's size in bytes.
    pub size: u64,
}

/// Why a file could not be inspected.
#[derive(Debug, thiserror::Error)]
pub enum ElfError {
    /// It could not be read.
    #[error("cannot read {path}: {source}; check that the build finished")]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// It is not a 64-bit little-endian ELF file.
    #[error("{path} is no 64-bit little-endian ELF program")]
    NotElf {
        /// The file.
        path: PathBuf,
    },
}

/// Inspects the program at `path`.
///
/// # Errors
///
/// [`ElfError::Read`] if the file cannot be read or ends early, [`ElfError::NotElf`] if it is no such program.
pub fn inspect(path: &Path) -> Result<Inspection, ElfError> {
    let read = |source| ElfError::Read {
        path: path.to_path_buf(),
        source,
    };
    let file = regular::open(path).map_err(read)?;
    let elf = Elf::read(&file).map_err(read)?;
    let elf = elf.filter(Elf::is_64_bit_little_endian);
    let elf = elf.ok_or_else(|| ElfError::NotElf {
        path: path.to_path_buf(),
    })?;
    Ok(Inspection {
        machine: elf.machine(),
        linkage: elf.linkage().map_err(read)?,
        size: file.metadata().map_err(read)?.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_test_program_is_dynamic_and_its_machine_is_known() {
        let inspection = inspect(&std::env::current_exe().unwrap()).unwrap();
        assert_eq!(inspection.linkage, Linkage::Dynamic);
        assert_eq!(inspection.machine, Machine::HOST);
        assert!(inspection.size > 0);
    }

    #[test]
    fn anything_else_is_refused_and_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("program");
        for content in [
            &b""[..],
            b"#!/bin/sh\n",
            b"\x7fELF",
            &[b"\x7fELF\x02\x01".as_slice(), &[0xff; 58]].concat(),
        ] {
            std::fs::write(&path, content).unwrap();
            let error = inspect(&path).unwrap_err().to_string();
            assert!(error.contains(path.to_str().unwrap()), "{error}");
        }
    }
}
