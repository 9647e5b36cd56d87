//! What must be known of an ELF file before it is run or packed: its processor, its dynamic loader, whether it needs shared
//! libraries, and which C library it goes with.
//!
//! A file is other people's input. Every offset is checked, and what is read is bounded by constants and by the file's
//! real length, never by a number that it holds. Layout: elf(5).

mod glibc;
mod header;
mod machine;
mod read;

use std::{ffi::OsString, fmt, fs::File, io, os::unix::ffi::OsStringExt as _, path::PathBuf};

pub use self::{
    glibc::{Glibc, newest_glibc},
    machine::Machine,
};
use self::{
    header::{Class, Header, Segment},
    read::{invalid, read_at, u64_in},
};

/// `PT_DYNAMIC`: the segment that names the shared libraries.
const PT_DYNAMIC: u32 = 2;
/// `PT_INTERP`: the segment that names the dynamic loader.
const PT_INTERP: u32 = 3;
/// `DT_NEEDED`: the tag of a shared library's name.
const DT_NEEDED: u64 = 1;
/// Longest path of a loader, in bytes (`PATH_MAX`).
const LONGEST_PATH: u64 = 4096;
/// Largest dynamic segment, in bytes: those of real programs are a thousandth of that.
const LARGEST_DYNAMIC: u64 = 1 << 20;

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

/// A program or library.
#[derive(Debug)]
pub struct Elf<'a> {
    file: &'a File,
    header: Header,
    segments: Vec<Segment>,
    /// The dynamic loader; none in a static executable.
    pub interpreter: Option<PathBuf>,
}

impl<'a> Elf<'a> {
    /// Reads the headers of `file`; none if it is something else.
    ///
    /// # Errors
    /// The operating system's, and that of a file which ends too early or which Linux would not run.
    pub fn read(file: &'a File) -> io::Result<Option<Self>> {
        let Some(header) = Header::read(file)? else {
            return Ok(None);
        };
        let segments = header.segments(file)?;
        let interpreter = segments.iter().find(|segment| segment.kind == PT_INTERP);
        let interpreter = interpreter.map(|segment| loader(file, segment)).transpose();
        Ok(Some(Self {
            file,
            interpreter: interpreter?,
            header,
            segments,
        }))
    }

    /// The processor it is for.
    pub fn machine(&self) -> Machine {
        Machine(self.header.machine)
    }

    /// Whether its addresses have 64 bits and its numbers are little-endian, as on every architecture of Lambda.
    pub fn is_64_bit_little_endian(&self) -> bool {
        self.header.class == Class::Elf64 && self.header.is_little_endian
    }

    /// What it needs to start: dynamic if it names a loader or a shared library.
    ///
    /// # Errors
    /// The operating system's, and that of a file which ends before its dynamic segment does.
    pub fn linkage(&self) -> io::Result<Linkage> {
        if self.interpreter.is_some() {
            return Ok(Linkage::Dynamic);
        }
        for segment in &self.segments {
            if segment.kind == PT_DYNAMIC && self.needs_library(segment)? {
                return Ok(Linkage::Dynamic);
            }
        }
        Ok(Linkage::Static)
    }

    /// Whether a dynamic segment, whose entries are pairs of a tag and a value, has the tag of a library.
    fn needs_library(&self, segment: &Segment) -> io::Result<bool> {
        let entries = read_at(self.file, segment.offset, segment.size, LARGEST_DYNAMIC)?;
        let word = self.header.class.word();
        let mut tags = entries.chunks_exact(2 * word);
        Ok(tags.any(|entry| u64_in(entry, 0, word) == DT_NEEDED))
    }
}

/// The path that a `PT_INTERP` segment holds.
fn loader(file: &File, segment: &Segment) -> io::Result<PathBuf> {
    let mut path = read_at(file, segment.offset, segment.size, LONGEST_PATH)?;
    path.truncate(path.iter().position(|&b| b == 0).unwrap_or(path.len()));
    if path.is_empty() {
        return Err(invalid("its loader has no name"));
    }
    Ok(OsString::from_vec(path).into())
}

#[cfg(test)]
mod tests;
