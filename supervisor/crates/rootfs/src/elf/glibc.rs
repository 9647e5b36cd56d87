//! Which version of glibc's interface a library needs or offers.

use std::{fmt, fs::File, io, path::Path};

use super::{header::Header, read::read_at};
use crate::regular;

/// `SHT_DYNSYM`: the section whose names are those of the dynamic symbols and their versions.
const SHT_DYNSYM: u32 = 11;
/// Most bytes of names that are looked at: those of the largest C library are a tenth of that.
const MOST_NAMES: u64 = 1 << 20;

/// A version of glibc's interface, as its symbols name it (`GLIBC_2.34`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Glibc(pub u16, pub u16);

impl fmt::Display for Glibc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "glibc {}.{}", self.0, self.1)
    }
}

/// The newest version of glibc's interface that the 64-bit library at `path` names: what it needs, or, of the C library
/// itself, what it offers. None where it names none, as everything does that goes with another C library.
///
/// # Errors
/// The operating system's, and that of a file that ends too early.
pub fn newest_glibc(path: &Path) -> io::Result<Option<Glibc>> {
    let file = regular::open(path)?;
    let names = symbol_names(&file)?;
    Ok(names.split(|&b| b == 0).filter_map(version).max())
}

/// The names of the dynamic symbols and of their versions, each with a zero behind it.
fn symbol_names(file: &File) -> io::Result<Vec<u8>> {
    let Some(header) = Header::read(file)? else {
        return Ok(Vec::new());
    };
    let sections = header.sections(file)?;
    let symbols = sections.iter().find(|section| section.kind == SHT_DYNSYM);
    let Some(symbols) = symbols else {
        return Ok(Vec::new());
    };
    let names = usize::try_from(symbols.link).map_err(io::Error::other)?;
    let names = sections.get(names).ok_or(io::ErrorKind::UnexpectedEof)?;
    read_at(file, names.offset, names.size.min(MOST_NAMES), MOST_NAMES)
}

fn version(name: &[u8]) -> Option<Glibc> {
    let version = std::str::from_utf8(name.strip_prefix(b"GLIBC_")?).ok()?;
    let mut numbers = version.split('.').map(str::parse);
    Some(Glibc(numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_two_numbers() {
        assert_eq!(version(b"GLIBC_2.2.5"), Some(Glibc(2, 2)));
        assert_eq!(version(b"GLIBC_PRIVATE"), None);
        assert_eq!(version(b"GLIBC_99999999.1"), None);
    }
}
