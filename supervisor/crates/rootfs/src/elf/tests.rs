//! Real programs, and hostile ones made of a few numbers.

use std::{io::Write as _, path::Path};

use super::*;

/// A 64-bit little-endian file of a header, `segments` as (type, offset, size) and then `content`.
fn file(segments: &[(u32, u64, u64)], content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
    bytes[18..20].copy_from_slice(&62_u16.to_le_bytes());
    bytes[32..40].copy_from_slice(&64_u64.to_le_bytes());
    bytes[54..56].copy_from_slice(&56_u16.to_le_bytes());
    bytes[56..58].copy_from_slice(&u16::try_from(segments.len()).unwrap().to_le_bytes());
    for (kind, offset, size) in segments {
        let mut header = vec![0; 56];
        header[..4].copy_from_slice(&kind.to_le_bytes());
        header[8..16].copy_from_slice(&offset.to_le_bytes());
        header[32..40].copy_from_slice(&size.to_le_bytes());
        bytes.extend(header);
    }
    bytes.extend(content);
    bytes
}

/// Where the content of a file with one segment begins.
const CONTENT: u64 = 64 + 56;

#[derive(Debug, PartialEq, Eq)]
struct Found {
    machine: Machine,
    interpreter: Option<PathBuf>,
    linkage: Linkage,
}

fn read(bytes: &[u8]) -> io::Result<Option<Found>> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    let Some(elf) = Elf::read(&file)? else {
        return Ok(None);
    };
    let linkage = elf.linkage()?;
    Ok(Some(Found {
        machine: elf.machine(),
        interpreter: elf.interpreter,
        linkage,
    }))
}

fn kind_of_error(bytes: &[u8]) -> io::ErrorKind {
    read(bytes).unwrap_err().kind()
}

fn newest(bytes: &[u8]) -> io::Result<Option<Glibc>> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    newest_glibc(file.path())
}

#[test]
fn the_machine_the_loader_and_the_c_library_of_a_real_program() {
    let shell = File::open("/bin/sh").unwrap();
    let elf = Elf::read(&shell).unwrap().unwrap();
    assert_eq!(elf.machine(), Machine::HOST);
    assert!(elf.is_64_bit_little_endian());
    assert_eq!(elf.linkage().unwrap(), Linkage::Dynamic);
    let loader = elf.interpreter.unwrap();
    assert!(
        loader.starts_with("/lib64") || loader.starts_with("/lib"),
        "{loader:?}"
    );
    let libc = loader.canonicalize().unwrap().with_file_name("libc.so.6");
    assert!(newest_glibc(&libc).unwrap().unwrap() >= Glibc(2, 17));
    let needed = newest_glibc(Path::new("/bin/sh")).unwrap();
    assert!(needed.unwrap() >= Glibc(2, 2));
}

#[test]
fn a_real_program_cut_anywhere_is_none_or_an_error_and_never_static() {
    let whole = std::fs::read("/bin/sh").unwrap();
    let headers = 64 + 56 * usize::from(whole[56]);
    for length in 0..headers {
        match read(&whole[..length]) {
            Ok(None) => assert!(length < 64, "{length}"),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{length}"),
            Ok(Some(found)) => panic!("{length}: {found:?}"),
        }
    }
    assert_eq!(read(b"#!/bin/sh\n").unwrap(), None);
}

#[test]
fn a_loader_or_a_library_makes_a_program_dynamic() {
    let found = |bytes: &[u8]| read(bytes).unwrap().unwrap();
    let alone = found(&file(&[(1, 0, u64::MAX)], b""));
    assert_eq!(alone.machine, Machine::X86_64);
    assert_eq!((alone.interpreter, alone.linkage), (None, Linkage::Static));
    let loaded = found(&file(&[(PT_INTERP, CONTENT, 8)], b"/lib/ld\0"));
    assert_eq!(loaded.interpreter, Some("/lib/ld".into()));
    assert_eq!(loaded.linkage, Linkage::Dynamic);
    let entries = |tag: u64| [[5, 0], [tag, 1], [0, 0]].concat();
    for (tag, linkage) in [(DT_NEEDED, Linkage::Dynamic), (7, Linkage::Static)] {
        let words = entries(tag).into_iter().flat_map(u64::to_le_bytes);
        let content: Vec<u8> = words.collect();
        let segment = (PT_DYNAMIC, CONTENT, content.len() as u64);
        assert_eq!(found(&file(&[segment], &content)).linkage, linkage);
    }
}

#[test]
fn segments_that_lie_outside_the_file_are_errors() {
    for kind in [PT_INTERP, PT_DYNAMIC] {
        for (offset, size) in [
            (CONTENT, 17),
            (u64::MAX, 16),
            (u64::MAX - 8, 16),
            (1 << 40, 1),
        ] {
            let bytes = file(&[(kind, offset, size)], b"sixteen bytes...");
            let found = kind_of_error(&bytes);
            // The kernel takes no offset beyond the largest signed one.
            let expected = [io::ErrorKind::UnexpectedEof, io::ErrorKind::InvalidInput];
            assert!(expected.contains(&found), "{kind} {offset} {size}: {found}");
        }
        for size in [LARGEST_DYNAMIC + 1, 1 << 40, u64::MAX] {
            let bytes = file(&[(kind, CONTENT, size)], b"");
            assert_eq!(kind_of_error(&bytes), io::ErrorKind::InvalidData, "{size}");
        }
    }
    let nameless = file(&[(PT_INTERP, CONTENT, 4)], &[0; 4]);
    assert_eq!(kind_of_error(&nameless), io::ErrorKind::InvalidData);
}

#[test]
fn tables_of_hostile_sizes_are_errors() {
    for size in [0_u16, 1, 55, 57, u16::MAX] {
        let mut bytes = file(&[(1, 0, 0)], b"");
        bytes[54..56].copy_from_slice(&size.to_le_bytes());
        assert_eq!(kind_of_error(&bytes), io::ErrorKind::InvalidData, "{size}");
    }
    let mut many = file(&[], b"");
    many[56..58].copy_from_slice(&u16::MAX.to_le_bytes());
    assert_eq!(kind_of_error(&many), io::ErrorKind::InvalidData);
    let mut far = file(&[(1, 0, 0)], b"");
    far[32..40].copy_from_slice(&u64::MAX.to_le_bytes());
    assert_eq!(kind_of_error(&far), io::ErrorKind::UnexpectedEof);
}

#[test]
fn a_false_byte_order_hides_nothing_that_linux_would_run() {
    let mut bytes = file(&[(PT_INTERP, CONTENT, 8)], b"/lib/ld\0");
    for order in [0, 2, 3] {
        bytes[5] = order;
        let found = read(&bytes).unwrap().unwrap();
        assert_eq!(found.machine, Machine::X86_64);
        assert_eq!(found.interpreter, Some("/lib/ld".into()));
    }
    let mut program = tempfile::tempfile().unwrap();
    program.write_all(&bytes).unwrap();
    let elf = Elf::read(&program).unwrap().unwrap();
    assert!(!elf.is_64_bit_little_endian());
}

#[test]
fn sections_of_hostile_sizes_and_links_are_errors() {
    let section = |kind: u32, offset: u64, size: u64, link: u32| {
        let mut header = vec![0; 64];
        header[4..8].copy_from_slice(&kind.to_le_bytes());
        header[24..32].copy_from_slice(&offset.to_le_bytes());
        header[32..40].copy_from_slice(&size.to_le_bytes());
        header[40..44].copy_from_slice(&link.to_le_bytes());
        header
    };
    let library = |offset: u64, size: u64, link: u32| {
        let symbols = section(11, 0, 0, link);
        let names = section(3, offset, size, 0);
        let mut bytes = file(
            &[],
            &[symbols, names, b"\0GLIBC_2.9\0GLIBC_2.31\0".to_vec()].concat(),
        );
        bytes[40..48].copy_from_slice(&64_u64.to_le_bytes());
        bytes[58..60].copy_from_slice(&64_u16.to_le_bytes());
        bytes[60..62].copy_from_slice(&2_u16.to_le_bytes());
        bytes
    };
    assert_eq!(newest(&library(192, 22, 1)).unwrap(), Some(Glibc(2, 31)));
    for (offset, size, link) in [
        (192, 23, 1),
        (u64::MAX, 2, 1),
        (192, u64::MAX, 1),
        (192, 22, 2),
    ] {
        newest(&library(offset, size, link)).unwrap_err();
    }
    let mut many = library(192, 22, 1);
    many[58..62].copy_from_slice(&[0xff; 4]);
    assert_eq!(
        newest(&many).unwrap_err().kind(),
        io::ErrorKind::InvalidData
    );
    let mut far = library(192, 22, 1);
    far[40..48].copy_from_slice(&u64::MAX.to_le_bytes());
    newest(&far).unwrap_err();
    let mut small = library(192, 22, 1);
    small[58..60].copy_from_slice(&63_u16.to_le_bytes());
    assert_eq!(newest(&small).unwrap(), None);
}
