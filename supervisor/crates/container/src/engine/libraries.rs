//! Where the image's own loader looks for libraries. It runs as if the host's root were its own, so every directory is told
//! to it (`LD_LIBRARY_PATH`), in the order of udocker: the usual ones, those in the image's loader cache, and all others
//! that hold a library.

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use rootfs::{executable::resolve, regular};

/// Looked at first, the first one first; all that are there.
const USUAL: [&str; 8] = [
    "usr/lib",
    "lib",
    "usr/lib64",
    "lib64",
    "usr/lib/x86_64-linux-gnu",
    "lib/x86_64-linux-gnu",
    "usr/lib/aarch64-linux-gnu",
    "lib/aarch64-linux-gnu",
];
/// Start of the loader cache in use since glibc 2.2, alone or behind one of the older form (`dl-cache.h` in glibc).
const CACHE_MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
/// Its header and its entries, in bytes.
const CACHE_HEADER: usize = 48;
const CACHE_ENTRY: usize = 24;
/// Longest path that is believed (`PATH_MAX`): entries may overlap, and each is looked at.
const LONGEST_PATH: usize = 4096;
/// Most directories of the cache, and most bytes of their names, that are looked at. Debian's and CUDA's images have a dozen.
const MOST_CACHED: usize = 4096;
const MOST_CACHED_BYTES: usize = 256 * 1024;
/// Longest search path, in bytes: Linux takes no variable of 128 KiB or more (`MAX_ARG_STRLEN`), and engines add to this one.
const LONGEST_SEARCH_PATH: usize = 120 * 1024;

/// `LD_LIBRARY_PATH` for the image at `root`; `found` are the directories that hold libraries.
pub fn search_path(root: &Path, found: &[PathBuf]) -> OsString {
    let usual = USUAL
        .iter()
        .map(|dir| root.join(dir))
        .filter(|dir| dir.is_dir());
    let cache = resolve(root, Path::new("/etc/ld.so.cache"));
    let cache = cache
        .and_then(|path| regular::read(&path).ok())
        .unwrap_or_default();
    let cached = cached_directories(&cache)
        .into_iter()
        .map(|dir| root.join(dir.strip_prefix("/").unwrap_or(&dir)));
    let mut seen = BTreeSet::new();
    let mut path = OsString::new();
    let mut left_out = 0_usize;
    for dir in usual.chain(cached).chain(found.iter().cloned()) {
        // A directory with a colon cannot be told.
        if !dir.as_os_str().as_bytes().contains(&b':') && seen.insert(dir.clone()) {
            if path.len() + dir.as_os_str().len() > LONGEST_SEARCH_PATH {
                left_out += 1;
                continue;
            }
            path.push(dir);
            path.push(":");
        }
    }
    if left_out > 0 {
        tracing::warn!(
            directories = left_out,
            "the image has libraries in more directories than LD_LIBRARY_PATH can name: the last ones are left out"
        );
    }
    // As udocker has it: programs bring libraries along in their working directory.
    path.push(".");
    path
}

/// Whether a file of that name is a library: `lib….so`, with or without numbers behind.
pub fn is_library(name: &OsStr) -> bool {
    let Some(rest) = name.as_bytes().strip_prefix(b"lib") else {
        return false;
    };
    let unversioned = rest.trim_ascii_end();
    let end = unversioned
        .iter()
        .rposition(|b| !(b.is_ascii_digit() || *b == b'.'))
        .map_or(0, |last| last + 1);
    let (stem, numbers) = unversioned.split_at(end);
    stem.ends_with(b".so") && stem.len() > 3 && (numbers.is_empty() || numbers.starts_with(b"."))
}

/// The directories of the libraries in a loader cache, in its order.
fn cached_directories(cache: &[u8]) -> Vec<PathBuf> {
    let mut directories: Vec<PathBuf> = Vec::new();
    let start = cache
        .windows(CACHE_MAGIC.len())
        .position(|w| w == CACHE_MAGIC);
    let Some(cache) = start.map(|start| &cache[start..]) else {
        return directories;
    };
    let word = |at: usize| {
        let bytes = cache.get(at..)?.first_chunk()?;
        usize::try_from(u32::from_ne_bytes(*bytes)).ok()
    };
    let count = word(CACHE_MAGIC.len()).unwrap_or(0);
    let mut seen = BTreeSet::new();
    let mut bytes = 0;
    for index in 0..count {
        // flags, name, path, …: the path as an offset into the cache.
        let Some(path) =
            word(CACHE_HEADER + index * CACHE_ENTRY + 8).and_then(|at| cache.get(at..))
        else {
            break;
        };
        let path = &path[..path.len().min(LONGEST_PATH)];
        let path = path.split(|&b| b == 0).next().unwrap_or_default();
        let Some(directory) = Path::new(OsStr::from_bytes(path)).parent() else {
            continue;
        };
        if directory.is_absolute() && !seen.contains(directory) {
            bytes += directory.as_os_str().len();
            if directories.len() == MOST_CACHED || bytes > MOST_CACHED_BYTES {
                break;
            }
            seen.insert(directory);
            directories.push(directory.to_owned());
        }
    }
    directories
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn libraries_by_name() {
        for name in [
            "libc.so",
            "libc.so.6",
            "libstdc++.so.6.0.30",
            "libm-2.31.so",
        ] {
            assert!(is_library(OsStr::new(name)), "{name}");
        }
        for name in [
            "lib.so",
            "libc.a",
            "libc.so.6.py",
            "c.so",
            "libtool",
            "libx.so6",
        ] {
            assert!(!is_library(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn the_cache_of_this_machine_names_the_directory_of_its_c_library() {
        let cache = fs::read("/etc/ld.so.cache").unwrap();
        let directories = cached_directories(&cache);
        let has_libc = |dir: &PathBuf| dir.join("libc.so.6").exists();
        assert!(directories.iter().any(has_libc), "{directories:?}");
        for cut in [0, 20, 47, 60, cache.len() / 2] {
            cached_directories(&cache[..cut]);
        }
    }

    #[test]
    fn usual_directories_come_first_and_none_comes_twice() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for path in ["usr/lib64", "lib", "opt/x"] {
            fs::create_dir_all(root.join(path)).unwrap();
        }
        let found = [root.join("opt/x"), root.join("lib")];
        let text = |path: &str| root.join(path).display().to_string();
        let expected = format!("{}:{}:{}:.", text("lib"), text("usr/lib64"), text("opt/x"));
        assert_eq!(search_path(root, &found), OsString::from(expected));
    }
}
