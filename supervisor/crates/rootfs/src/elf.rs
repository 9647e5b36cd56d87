//! The little of an ELF file that must be known before an engine runs it: for which machine it is, whether a library can be
//! preloaded into it, and which C library it goes with.
//!
//! Layout: elf(5); byte order is little-endian on every architecture Lambda has.

use std::{
    fs::File,
    io,
    os::unix::{ffi::OsStringExt, fs::FileExt},
    path::{Path, PathBuf},
};

use super::regular;

/// `PT_INTERP`: the segment that names the dynamic loader.
const PT_INTERP: u32 = 3;
/// `SHT_DYNSYM`: the section whose names are those of the dynamic symbols and their versions.
const SHT_DYNSYM: u32 = 11;
/// Longest path of a loader that is believed (`PATH_MAX`).
const LONGEST_PATH: u64 = 4096;
/// Most bytes of names that are looked at: those of the largest C library are a tenth of that.
const MOST_NAMES: u64 = 1 << 20;

/// A program or library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elf {
    /// `e_machine`: the processor.
    pub machine: u16,
    /// The dynamic loader; none in a static executable.
    pub interpreter: Option<PathBuf>,
}

/// `e_machine` of the processor this program is built for.
pub const HOST_MACHINE: u16 = if cfg!(target_arch = "aarch64") {
    183
} else {
    62
};

/// What the processor `machine` is called.
pub fn machine_name(machine: u16) -> String {
    match machine {
        3 => "x86 (32 bit)".to_owned(),
        40 => "arm (32 bit)".to_owned(),
        62 => "x86_64".to_owned(),
        183 => "arm64".to_owned(),
        other => format!("machine {other}"),
    }
}

/// A version of glibc's interface, as its symbols name it (`GLIBC_2.34`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Glibc(pub u16, pub u16);

impl std::fmt::Display for Glibc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "glibc {}.{}", self.0, self.1)
    }
}

impl Elf {
    /// Reads the header of `file`; none if it is something else.
    ///
    /// # Errors
    /// The operating system's, and that of a file that ends too early.
    pub fn read(file: &File) -> io::Result<Option<Self>> {
        let Some(header) = Header::read(file)? else {
            return Ok(None);
        };
        let mut interpreter = None;
        for index in 0..header.segments.count {
            let at = header.segments.offset + index * header.segments.size;
            if u32_at(file, at)? == PT_INTERP {
                interpreter = Some(header.path(file, at)?);
                break;
            }
        }
        Ok(Some(Self {
            machine: header.machine,
            interpreter,
        }))
    }
}

/// The newest version of glibc's interface that the 64-bit library at `path` names: what it needs, or, of the C library
/// itself, what it offers. None where it names none, as everything does that goes with another C library.
///
/// # Errors
/// The operating system's, and that of a file that ends too early.
pub fn newest_glibc(path: &Path) -> io::Result<Option<Glibc>> {
    let file = regular::open(path)?;
    let Some(header) = Header::read(&file)?.filter(|header| header.wide) else {
        return Ok(None);
    };
    for index in 0..header.sections.count {
        let at = header.sections.offset + index * header.sections.size;
        if u32_at(&file, at + 4)? != SHT_DYNSYM {
            continue;
        }
        let names = u64::from(u32_at(&file, at + 40)?);
        let names = header.sections.offset + names * header.sections.size;
        let (offset, length) = (u64_at(&file, names + 24)?, u64_at(&file, names + 32)?);
        let bytes = bytes_at(&file, offset, length.min(MOST_NAMES))?;
        return Ok(bytes.split(|&b| b == 0).filter_map(glibc_version).max());
    }
    Ok(None)
}

fn glibc_version(name: &[u8]) -> Option<Glibc> {
    let version = std::str::from_utf8(name.strip_prefix(b"GLIBC_")?).ok()?;
    let mut numbers = version.split('.').map(str::parse);
    Some(Glibc(numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// A table in the file.
#[derive(Debug)]
struct Table {
    offset: u64,
    size: u64,
    count: u64,
}

#[derive(Debug)]
struct Header {
    machine: u16,
    /// 64-bit.
    wide: bool,
    segments: Table,
    sections: Table,
}

impl Header {
    fn read(file: &File) -> io::Result<Option<Self>> {
        let mut start = [0; 64];
        let length = file.read_at(&mut start, 0)?;
        let start = &start[..length];
        let half = |at: usize| -> Option<u16> {
            Some(u16::from_le_bytes(*start.get(at..)?.first_chunk()?))
        };
        let word = |at: usize| {
            Some(u64::from(u32::from_le_bytes(
                *start.get(at..)?.first_chunk()?,
            )))
        };
        let long = |at: usize| Some(u64::from_le_bytes(*start.get(at..)?.first_chunk()?));
        let parse = || -> Option<Self> {
            let wide = match start.strip_prefix(b"\x7fELF")?.first()? {
                1 => false,
                2 => true,
                _ => return None,
            };
            let table = |offset, size, count| {
                Some(Table {
                    offset,
                    size: half(size)?.into(),
                    count: half(count)?.into(),
                })
            };
            let (segments, sections) = if wide {
                (table(long(32)?, 54, 56)?, table(long(40)?, 58, 60)?)
            } else {
                (table(word(28)?, 42, 44)?, table(word(32)?, 46, 48)?)
            };
            Some(Self {
                machine: half(18)?,
                wide,
                segments,
                sections,
            })
        };
        Ok(parse())
    }

    /// The path in the segment whose header is at `at`.
    fn path(&self, file: &File, at: u64) -> io::Result<PathBuf> {
        let (offset, length) = if self.wide {
            (u64_at(file, at + 8)?, u64_at(file, at + 32)?)
        } else {
            (u32_at(file, at + 4)?.into(), u32_at(file, at + 16)?.into())
        };
        let mut path = bytes_at(file, offset, length.min(LONGEST_PATH))?;
        path.truncate(path.iter().position(|&b| b == 0).unwrap_or(path.len()));
        Ok(std::ffi::OsString::from_vec(path).into())
    }
}

fn bytes_at(file: &File, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    let length = usize::try_from(length).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(bytes)
}

fn u32_at(file: &File, offset: u64) -> io::Result<u32> {
    let mut bytes = [0; 4];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(u32::from_le_bytes(bytes))
}

fn u64_at(file: &File, offset: u64) -> io::Result<u64> {
    let mut bytes = [0; 8];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(u64::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_the_loader_and_the_c_library_of_a_real_program() {
        let shell = File::open("/bin/sh").unwrap();
        let elf = Elf::read(&shell).unwrap().unwrap();
        assert_eq!(elf.machine, HOST_MACHINE);
        let loader = elf.interpreter.unwrap();
        assert!(
            loader.starts_with("/lib64") || loader.starts_with("/lib"),
            "{loader:?}"
        );
        let offered = newest_glibc(&loader.canonicalize().unwrap().with_file_name("libc.so.6"));
        assert!(offered.unwrap().unwrap() >= Glibc(2, 17));
        let needed = newest_glibc(Path::new("/bin/sh")).unwrap();
        assert!(needed.unwrap() >= Glibc(2, 2));
    }

    #[test]
    fn what_is_no_program_is_none_and_a_cut_one_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "#!/bin/sh\n").unwrap();
        assert_eq!(Elf::read(&File::open(&path).unwrap()).unwrap(), None);
        let mut start = std::fs::read("/bin/sh").unwrap();
        start.truncate(80);
        std::fs::write(&path, start).unwrap();
        Elf::read(&File::open(&path).unwrap()).unwrap_err();
        assert_eq!(glibc_version(b"GLIBC_2.2.5"), Some(Glibc(2, 2)));
        assert_eq!(glibc_version(b"GLIBC_PRIVATE"), None);
    }
}
