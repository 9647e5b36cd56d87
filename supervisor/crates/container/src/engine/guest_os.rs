//! What is inside an image: its distribution, and its C library.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rootfs::{
    elf::{Glibc, newest_glibc},
    executable::resolve,
    regular,
};

/// Where the C library is looked for: udocker's list, and the same for arm64.
const LIBC_DIRECTORIES: [&str; 7] = [
    "/usr/lib64",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/lib64",
    "/lib/aarch64-linux-gnu",
    "/usr/lib",
    "/lib",
];

/// The image's C library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Libc {
    /// Where it is inside the image; glibc only.
    pub path: Option<PathBuf>,
    /// What it offers, if it is glibc.
    pub glibc: Option<Glibc>,
    /// Whether it is musl.
    pub is_musl: bool,
}

impl Libc {
    /// That of the image at `root`.
    pub fn of(root: &Path) -> Self {
        let mut libcs = LIBC_DIRECTORIES.iter().filter_map(|directory| {
            let path = Path::new(directory).join("libc.so.6");
            let glibc = newest_glibc(&resolve(root, &path)?).ok().flatten()?;
            Some((path, glibc))
        });
        let (path, glibc) = libcs.next().unzip();
        let is_musl = path.is_none() && has_musl(root);
        Self {
            path,
            glibc,
            is_musl,
        }
    }
}

impl std::fmt::Display for Libc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.glibc, self.is_musl) {
            (Some(glibc), _) => glibc.fmt(f),
            (None, true) => f.write_str("musl"),
            (None, false) => f.write_str("no C library that is known"),
        }
    }
}

fn has_musl(root: &Path) -> bool {
    let lib = resolve(root, Path::new("/lib")).and_then(|lib| fs::read_dir(lib).ok());
    lib.into_iter().flatten().flatten().any(|entry| {
        entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(b"ld-musl-")
    })
}

/// Name and version as udocker's engine files are named after: the first word, and the first number (of Alpine the
/// first two).
pub fn distribution(root: &Path) -> Option<(String, String)> {
    let read = |path: &str| {
        let path = resolve(root, Path::new(path))?;
        regular::read_text(&path).ok()
    };
    let (name, version) = release_file(root)
        .or_else(|| fields(&read("/etc/lsb-release")?, "DISTRIB_ID", "DISTRIB_RELEASE"))
        .or_else(|| fields(&read("/etc/os-release")?, "NAME", "VERSION_ID"))?;
    let numbers = if name == "Alpine" { 2 } else { 1 };
    let version: Vec<&str> = version.split('.').take(numbers).collect();
    Some((name, version.join(".")))
}

/// `CentOS Linux release 7.9.2009 (Core)` in some `/etc/…-release`.
fn release_file(root: &Path) -> Option<(String, String)> {
    let directory = fs::read_dir(resolve(root, Path::new("/etc"))?).ok()?;
    directory.flatten().find_map(|entry| {
        let name = entry.file_name();
        let inside = Path::new("/etc").join(&name);
        if !name.to_str()?.ends_with("-release") {
            return None;
        }
        let text = regular::read_text(&resolve(root, &inside)?).ok()?;
        let (name, version) = text.lines().next()?.split_once(" release ")?;
        let first = version
            .split(|c: char| !(c.is_ascii_digit() || c == '.'))
            .next()?;
        let name = name.split(' ').next()?;
        (!first.is_empty() && !name.contains('=')).then(|| (name.to_owned(), first.to_owned()))
    })
}

/// The values of two fields, each up to the first blank.
fn fields(text: &str, name: &str, version: &str) -> Option<(String, String)> {
    let value = |field: &str| {
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix('='))?;
        let word = value.trim_matches('"').split(' ').next()?;
        (!word.is_empty()).then(|| word.to_owned())
    };
    Some((value(name)?, value(version)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions_are_named_as_the_engine_files_are() {
        let table = [
            (
                "os-release",
                "PRETTY_NAME=\"Debian GNU/Linux 12\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\n",
                ("Debian", "12"),
            ),
            (
                "os-release",
                "NAME=\"Alpine Linux\"\nVERSION_ID=3.19.1\n",
                ("Alpine", "3.19"),
            ),
            (
                "os-release",
                "NAME=Fedora\nVERSION_ID=39\n",
                ("Fedora", "39"),
            ),
            (
                "lsb-release",
                "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=22.04\n",
                ("Ubuntu", "22"),
            ),
            (
                "centos-release",
                "CentOS Linux release 7.9.2009 (Core)\n",
                ("CentOS", "7"),
            ),
        ];
        for (file, text, (name, version)) in table {
            let dir = tempfile::tempdir().unwrap();
            fs::create_dir(dir.path().join("etc")).unwrap();
            fs::write(dir.path().join("etc").join(file), text).unwrap();
            let expected = Some((name.to_owned(), version.to_owned()));
            assert_eq!(distribution(dir.path()), expected, "{text}");
        }
        assert_eq!(distribution(tempfile::tempdir().unwrap().path()), None);
    }

    #[test]
    fn the_c_library_of_this_machine_and_of_others() {
        let glibc = Libc::of(Path::new("/"));
        assert!(glibc.glibc.is_some() && !glibc.is_musl, "{glibc}");
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(
            Libc::of(dir.path()).to_string(),
            "no C library that is known"
        );
        fs::create_dir(dir.path().join("lib")).unwrap();
        fs::write(dir.path().join("lib/ld-musl-x86_64.so.1"), "").unwrap();
        assert_eq!(Libc::of(dir.path()).to_string(), "musl");
    }
}
