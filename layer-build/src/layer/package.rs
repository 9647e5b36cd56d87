//! The udocker package: the pinned wheel, given by the user or downloaded by pip, and its files.

use std::fs;
use std::io::{Cursor, Read as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use zip::ZipArchive;

use super::content::{FileSource, Files, Kind, LayerFile, sha256};
use super::error::LayerError;
use super::pin;
use super::program;

/// Folder of the package's modules, where the launcher expects them.
const MODULES: &str = "udocker/site-packages/";
/// Path of the launcher, which the default configuration names in `UDOCKER_EXEC`.
const LAUNCHER_PATH: &str = "udocker/udocker.py";
const LAUNCHER: &str = include_str!("../../layer/udocker/udocker.py");
const LICENCE: &str = "Apache-2.0";

/// The pinned package, checked.
#[derive(Debug)]
pub struct Package {
    /// The wheel. Python can import from it without unpacking it.
    pub path: PathBuf,
    content: Vec<u8>,
}

impl Package {
    /// Reads the given file, else the one in `cache`, into which pip downloads it first if necessary.
    ///
    /// # Errors
    /// [`LayerError::WrongPackage`] when the file is another one, [`LayerError::NoPackage`] when it cannot be had.
    pub fn obtain(given: Option<&Path>, cache: &Path, python: &Path) -> Result<Self, LayerError> {
        let path = match given {
            Some(path) => path.to_path_buf(),
            None => cache.join(pin::UDOCKER_WHEEL),
        };
        if given.is_none() && !path.exists() {
            download(cache, python)?;
        }
        let content = fs::read(&path).map_err(LayerError::io("read", &path))?;
        let found = sha256(&content);
        if found != pin::UDOCKER_SHA256 {
            return Err(LayerError::WrongPackage { path, found });
        }
        let path = path.canonicalize().map_err(LayerError::io("find", &path))?;
        Ok(Self { path, content })
    }

    /// Adds the launcher, the modules and the licence.
    ///
    /// # Errors
    /// [`LayerError::Zip`] when the wheel cannot be read.
    pub fn add_to(&self, files: &mut Files, project: &FileSource) -> Result<(), LayerError> {
        let launcher = LAUNCHER.replace("@UDOCKER_VERSION@", pin::UDOCKER_VERSION);
        let launcher = LayerFile {
            kind: Kind::Program,
            content: launcher.into_bytes(),
            source: project.clone(),
        };
        files.insert(LAUNCHER_PATH.to_owned(), launcher);
        let source = FileSource {
            origin: format!("udocker {}, {}", pin::UDOCKER_VERSION, pin::UDOCKER_WHEEL),
            licence: LICENCE,
        };
        self.add_members(files, &source)
            .map_err(LayerError::zip(pin::UDOCKER_WHEEL))
    }

    fn add_members(&self, files: &mut Files, source: &FileSource) -> zip::result::ZipResult<()> {
        let mut wheel = ZipArchive::new(Cursor::new(&self.content))?;
        for index in 0..wheel.len() {
            let mut member = wheel.by_index(index)?;
            let Some(path) = layer_path(&member.name()?) else {
                continue;
            };
            let mut content = Vec::new();
            member.read_to_end(&mut content)?;
            let file = LayerFile {
                kind: Kind::Data,
                content,
                source: source.clone(),
            };
            files.insert(path, file);
        }
        Ok(())
    }
}

/// The path in the layer of a member of the wheel; `None` for members that the layer does not need.
fn layer_path(member: &str) -> Option<String> {
    let (top, rest) = member.split_once('/')?;
    match (top, rest) {
        (_, "") => None,
        ("udocker", _) if !rest.ends_with('/') => Some(format!("{MODULES}{member}")),
        (_, "LICENSE" | "AUTHORS.md") => Some(format!("licenses/udocker/{rest}")),
        _ => None,
    }
}

/// Downloads the wheel with pip, which checks its hash. The hash is checked again when the file is read.
fn download(cache: &Path, python: &Path) -> Result<(), LayerError> {
    fs::create_dir_all(cache).map_err(LayerError::io("make", cache))?;
    // The wheel gets its name when it is complete, because another run may look for it meanwhile.
    let scratch = tempfile::tempdir_in(cache).map_err(LayerError::io("write to", cache))?;
    let requirements = scratch.path().join("requirements.txt");
    let line = format!(
        "udocker=={} --hash=sha256:{}\n",
        pin::UDOCKER_VERSION,
        pin::UDOCKER_SHA256
    );
    fs::write(&requirements, line).map_err(LayerError::io("write", &requirements))?;
    let mut pip = Command::new(python);
    pip.args([
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
    ])
    .args(["--no-deps", "--require-hashes", "--only-binary", ":all:"])
    .arg("--dest")
    .arg(scratch.path())
    .arg("--requirement")
    .arg(&requirements);
    let output = program::run("pip download", &mut pip)?;
    if !output.status.success() {
        let reported = program::error_lines(&output);
        return Err(LayerError::NoPackage { reported });
    }
    let wheel = scratch.path().join(pin::UDOCKER_WHEEL);
    fs::rename(&wheel, cache.join(pin::UDOCKER_WHEEL)).map_err(LayerError::io("keep", &wheel))
}
