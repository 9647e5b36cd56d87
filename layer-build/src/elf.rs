//! Reads from an ELF file which machine it is for and whether it is static.
//!
//! Layout: System V ABI, "Object Files" and "Program Loading", ELF-64 little-endian, which both targets are.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// Size of the ELF-64 file header, in bytes.
const FILE_HEADER: usize = 64;
/// Size of one ELF-64 program header, in bytes.
const PROGRAM_HEADER: usize = 56;
/// Program header type: names the dynamic loader.
const PT_INTERP: u32 = 3;
/// Program header type: the dynamic section.
const PT_DYNAMIC: u32 = 2;
/// Dynamic section tag: a shared library that must be loaded.
const DT_NEEDED: u64 = 1;
/// Largest believable header table or dynamic section, in bytes. A larger one is a damaged file's.
const TABLE_LIMIT: u64 = 1 << 20;

/// The processor a program is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    /// `EM_X86_64`
    X86_64,
    /// `EM_AARCH64`
    Aarch64,
    /// Any other, by its number in the header.
    Other(u16),
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::X86_64 => f.write_str("x86_64"),
            Self::Aarch64 => f.write_str("aarch64"),
            Self::Other(number) => write!(f, "machine {number}"),
        }
    }
}

/// What a program needs of the system that it runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linkage {
    /// Nothing but the kernel: no loader and no shared library. Static position-independent programs belong here.
    Static,
    /// A dynamic loader or shared libraries.
    Dynamic,
}

impl fmt::Display for Linkage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Static => "static",
            Self::Dynamic => "dynamic",
        })
    }
}

/// What an ELF file says of itself.
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
    let not_elf = || ElfError::NotElf {
        path: path.to_path_buf(),
    };
    let read = |source| ElfError::Read {
        path: path.to_path_buf(),
        source,
    };
    let mut file = File::open(path).map_err(read)?;
    let size = file.metadata().map_err(read)?.len();
    let header = slice_at(&mut file, 0, FILE_HEADER as u64)
        .map_err(read)?
        .ok_or_else(not_elf)?;
    // Magic, then 64-bit (2) and little-endian (1).
    if header.get(..6) != Some(b"\x7fELF\x02\x01") {
        return Err(not_elf());
    }
    let machine = match number::<2>(&header, 18) {
        62 => Machine::X86_64,
        183 => Machine::Aarch64,
        other => Machine::Other(u16::try_from(other).unwrap_or(u16::MAX)),
    };
    let (offset, count) = (number::<8>(&header, 32), number::<2>(&header, 56));
    let table = slice_at(&mut file, offset, count * PROGRAM_HEADER as u64)
        .map_err(read)?
        .ok_or_else(not_elf)?;
    let mut linkage = Linkage::Static;
    for entry in table.chunks_exact(PROGRAM_HEADER) {
        if needs_host(&mut file, entry).map_err(read)? {
            linkage = Linkage::Dynamic;
        }
    }
    Ok(Inspection {
        machine,
        linkage,
        size,
    })
}

/// Whether a program header names a loader, or a dynamic section that names a library.
fn needs_host(file: &mut File, entry: &[u8]) -> io::Result<bool> {
    match u32::try_from(number::<4>(entry, 0)) {
        Ok(PT_INTERP) => Ok(true),
        Ok(PT_DYNAMIC) => {
            let section =
                slice_at(file, number::<8>(entry, 8), number::<8>(entry, 32))?.unwrap_or_default();
            Ok(section
                .chunks_exact(16)
                .any(|tag| number::<8>(tag, 0) == DT_NEEDED))
        }
        _ => Ok(false),
    }
}

/// The bytes at an offset; `None` if the file is too short, or if they are too many for a table.
fn slice_at(file: &mut File, offset: u64, length: u64) -> io::Result<Option<Vec<u8>>> {
    if length > TABLE_LIMIT {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(offset))?;
    let mut content = Vec::new();
    file.take(length).read_to_end(&mut content)?;
    Ok((content.len() as u64 == length).then_some(content))
}

/// The little-endian number of `N` bytes at `offset`; zero past the end.
fn number<const N: usize>(bytes: &[u8], offset: usize) -> u64 {
    let field = bytes.get(offset..offset + N).unwrap_or_default();
    field
        .iter()
        .rev()
        .fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_test_program_is_dynamic_and_its_machine_is_known() {
        let inspection = inspect(&std::env::current_exe().unwrap()).unwrap();
        assert_eq!(inspection.linkage, Linkage::Dynamic);
        assert_eq!(inspection.machine.to_string(), std::env::consts::ARCH);
    }

    #[test]
    fn anything_else_is_refused_and_named() {
        for content in [
            &b""[..],
            b"#!/bin/sh\n",
            b"\x7fELF",
            &[b"\x7fELF\x02\x01".as_slice(), &[0xff; 58]].concat(),
        ] {
            let file = std::env::temp_dir().join(format!(
                "elf-test-{}-{}",
                std::process::id(),
                content.len()
            ));
            std::fs::write(&file, content).unwrap();
            let error = inspect(&file).unwrap_err();
            std::fs::remove_file(&file).unwrap();
            assert!(
                error.to_string().contains(file.to_str().unwrap()),
                "{error}"
            );
        }
    }
}
