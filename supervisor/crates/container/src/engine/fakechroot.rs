//! F1: the fakechroot library that goes with an image, and what it is told.

use std::{
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
};

use super::{
    files::{ARCH, EngineFiles},
    guest_os::{self, Libc},
    libraries,
    setup::library_directories,
};
use crate::error::EngineError;
use rootfs::{
    elf::{Glibc, newest_glibc},
    executable::resolve,
};

/// `ldconfig` would write the cache of a loader that never reads it (udocker's `fakechroot_cmd_subst`).
const SUBSTITUTIONS: &str = "/sbin/ldconfig=#RETURN(TRUE)#:/usr/sbin/ldconfig=#RETURN(TRUE)#";

/// The library and what does not change from run to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preload {
    /// `libfakechroot….so`.
    pub library: PathBuf,
    /// `LD_LIBRARY_PATH`, without what the image itself sets.
    pub library_path: OsString,
    /// `FAKECHROOT_LIBC`: the image's C library as a path inside the image.
    pub libc: Option<OsString>,
    /// `FAKECHROOT_CMD_SUBST`.
    pub substitutions: OsString,
    /// `FAKECHROOT_EXPAND_SYMLINKS`; `none` is what udocker says for "where needed".
    pub expand_symlinks: OsString,
}

impl Preload {
    /// Chooses the library for the container in `directory`.
    ///
    /// # Errors
    /// [`EngineError::NoFakechroot`] and [`EngineError::WrongFakechroot`].
    pub fn choose(directory: &Path, image: &str, files: &EngineFiles) -> Result<Self, EngineError> {
        let root = directory.join("ROOT");
        let libc = Libc::of(&root);
        let library = match &files.fakechroot {
            Some(named) => named_library(named, files, image, &libc)?,
            None => fitting_library(directory, &root, files, image, &libc)?,
        };
        let found = library_directories(directory);
        Ok(Self {
            library,
            library_path: libraries::search_path(&root, &found),
            libc: files.libc.clone().or(libc.path.map(Into::into)),
            substitutions: files
                .substitutions
                .clone()
                .unwrap_or_else(|| SUBSTITUTIONS.into()),
            expand_symlinks: files
                .expand_symlinks
                .clone()
                .unwrap_or_else(|| "none".into()),
        })
    }
}

/// The library that `UDOCKER_FAKECHROOT_SO` names.
fn named_library(
    named: &Path,
    files: &EngineFiles,
    image: &str,
    libc: &Libc,
) -> Result<PathBuf, EngineError> {
    // Joined to an absolute path, that path it is.
    let library = files.lib.join(named);
    let Ok(library) = library.canonicalize() else {
        return Err(no_library(files, image, libc, None));
    };
    match misfit(&library, libc) {
        None => Ok(library),
        Some(needs) => Err(EngineError::WrongFakechroot {
            library,
            needs,
            image: image.to_owned(),
            guest: libc.to_string(),
        }),
    }
}

/// The container's own, else the one named after the image's distribution, else any other for this processor that goes
/// with the image's C library: the newest.
fn fitting_library(
    directory: &Path,
    root: &Path,
    files: &EngineFiles,
    image: &str,
    libc: &Libc,
) -> Result<PathBuf, EngineError> {
    let own = directory.join("libfakechroot.so");
    if own.exists() {
        return Ok(own);
    }
    let distribution = guest_os::distribution(root);
    let named = names(distribution.as_ref());
    let named = named.iter().map(|name| files.lib.join(name));
    let mut others: Vec<(Option<Glibc>, PathBuf)> = present(&files.lib)
        .into_iter()
        .map(|path| (newest_glibc(&path).ok().flatten(), path))
        .collect();
    others.sort();
    let others = others.into_iter().rev().map(|(_, path)| path);
    named
        .chain(others)
        .find(|path| path.is_file() && misfit(path, libc).is_none())
        .ok_or_else(|| no_library(files, image, libc, distribution))
}

/// udocker's names for the library, the most exact one first.
fn names(distribution: Option<&(String, String)>) -> Vec<String> {
    let mut names = Vec::new();
    if let Some((name, version)) = distribution {
        names.push(format!("libfakechroot-{name}-{version}-{ARCH}.so"));
        names.push(format!("libfakechroot-{name}-{ARCH}.so"));
    }
    names.push(format!("libfakechroot-{ARCH}.so"));
    names.push("libfakechroot.so".to_owned());
    names
}

/// The libraries for this processor in `directory`.
pub fn present(directory: &Path) -> Vec<PathBuf> {
    let end = format!("-{ARCH}.so");
    let ours = |name: &OsStr| {
        let name = name.to_string_lossy();
        name.starts_with("libfakechroot") && name.ends_with(&end)
    };
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter(|entry| ours(&entry.file_name()))
        .map(|entry| entry.path())
        .collect()
}

/// What the library needs that the image does not have.
fn misfit(library: &Path, libc: &Libc) -> Option<String> {
    let needs = newest_glibc(library).ok()?;
    match (needs, libc.glibc) {
        (Some(needs), Some(has)) if needs > has => Some(needs.to_string()),
        (Some(needs), None) if libc.is_musl => Some(needs.to_string()),
        (None, _) if !libc.is_musl => Some("musl".to_owned()),
        _ => None,
    }
}

fn no_library(
    files: &EngineFiles,
    image: &str,
    libc: &Libc,
    distribution: Option<(String, String)>,
) -> EngineError {
    let found: Vec<_> = present(&files.lib)
        .iter()
        .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .collect();
    let guest = match distribution {
        Some((name, version)) => format!("{name} {version}, {libc}, {ARCH}"),
        None => format!("{libc}, {ARCH}"),
    };
    EngineError::NoFakechroot {
        image: image.to_owned(),
        guest,
        directory: files.lib.clone(),
        found: match found.as_slice() {
            [] => "none".to_owned(),
            found => found.join(", "),
        },
    }
}

/// A list of paths inside the image, as paths on this machine.
pub(crate) fn on_host<'a>(root: &'a Path, list: &'a str) -> impl Iterator<Item = PathBuf> + 'a {
    list.split([':', ' '])
        .filter_map(|path| path.strip_prefix('/'))
        .map(|path| root.join(path))
}

/// The loader that `program` names, on this machine.
pub(crate) fn host_loader(root: &Path, loader: &Path) -> Option<PathBuf> {
    resolve(root, loader).filter(|path| path.is_file())
}
