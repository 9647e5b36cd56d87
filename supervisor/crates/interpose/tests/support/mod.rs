//! Real programs of this machine, and their text.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each test binary uses its part of what supports tests"
)]

use std::{fs, path::PathBuf};

use interpose::{
    elf::{Elf, Segment, Use},
    frames::Frames,
};

/// Programs and libraries of different compilers and C libraries that the project's set-up installs.
pub(crate) fn programs() -> Vec<PathBuf> {
    let named = [
        "/bin/busybox",
        "/bin/bash",
        "/usr/bin/python3",
        "/usr/lib/x86_64-linux-musl/libc.so",
        "/lib64/ld-linux-x86-64.so.2",
        "/lib/x86_64-linux-gnu/libc.so.6",
        "/lib/x86_64-linux-gnu/libm.so.6",
        "/usr/sbin/runc",
    ];
    let mut found: Vec<PathBuf> = named.iter().map(PathBuf::from).collect();
    for version in ["3", "1.1"] {
        let crypto = PathBuf::from(format!("/usr/lib/x86_64-linux-gnu/libcrypto.so.{version}"));
        if crypto.exists() {
            found.push(crypto);
        }
    }
    found
}

/// An ELF file.
pub(crate) struct Program {
    bytes: Vec<u8>,
    elf: Elf,
}

impl Program {
    pub(crate) fn read(path: &std::path::Path) -> Self {
        let bytes = fs::read(path)
            .unwrap_or_else(|error| panic!("{}: {error}; run `make tools`", path.display()));
        let elf = Elf::read(&bytes).unwrap();
        Self { bytes, elf }
    }

    fn table(&self) -> &[u8] {
        let start = usize::try_from(self.elf.headers).unwrap();
        &self.bytes[start..start + self.elf.table_size()]
    }

    /// The executable segments: their address and their bytes.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let text =
            |segment: &Segment| segment.usage == Use::Load && segment.flags & Segment::EXECUTE != 0;
        self.elf.segments(self.table()).filter(text).map(|segment| {
            let start = usize::try_from(segment.offset).unwrap();
            let length = usize::try_from(segment.in_file).unwrap();
            (segment.address, &self.bytes[start..start + length])
        })
    }

    /// Where its functions begin.
    pub(crate) fn frames(&self) -> Option<Frames<'_>> {
        Frames::of(&self.bytes, &self.elf, self.table())
    }
}
