//! Assembles the layer, a reproducible zip: the supervisor, udocker and its engines, with licences and a manifest.

pub mod arch;
pub mod archive;
pub mod content;
mod crates;
pub mod description;
pub mod engines;
pub mod error;
pub mod licences;
pub mod options;
pub mod package;
pub mod pin;
mod program;

use std::fs;
use std::path::{Path, PathBuf};

use arch::Arch;
use content::{FileSource, Files, Kind, LayerFile, MANIFEST_PATH, Manifest, ManifestEntry, sha256};
use description::{COMPATIBLE_RUNTIMES, LayerDescription};
use engines::{EngineSelection, EngineSource, Engines};
use error::LayerError;
use package::Package;

use crate::elf::{self, Linkage};

/// The supervisor's version, which all crates of the workspace share.
const VERSION: &str = env!("CARGO_PKG_VERSION");
const EXEC_WRAPPER: &[u8] = include_bytes!("../layer/exec-wrapper");
const LICENCE: &[u8] = include_bytes!("../../LICENSE");

/// What to assemble, and from what.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The processor.
    pub arch: Arch,
    /// The supervisor, built for it.
    pub binary: PathBuf,
    /// The udocker package; `None` to download it.
    pub package: Option<PathBuf>,
    /// The directory for downloads.
    pub cache: PathBuf,
    /// A Python with pip.
    pub python: PathBuf,
    /// Where the engines come from.
    pub engine_source: EngineSource,
    /// Which engines go into the layer.
    pub engines: EngineSelection,
    /// The project's directory, whose lockfile names the linked crates.
    pub project: PathBuf,
    /// The directory for `faas-supervisor-<arch>.zip` and `.json`.
    pub output: PathBuf,
    /// Largest zip, in bytes.
    pub zipped_limit: u64,
}

/// Assembles a layer and describes it.
///
/// # Errors
/// [`LayerError`], which says what is missing or wrong and what to do.
pub fn assemble(settings: &Settings) -> Result<LayerDescription, LayerError> {
    let project = FileSource {
        origin: format!("faas-supervisor {VERSION}"),
        licence: "Apache-2.0",
    };
    let mut files = Files::new();
    add_own(&mut files, settings, &project)?;
    let package = Package::obtain(
        settings.package.as_deref(),
        &settings.cache,
        &settings.python,
    )?;
    package.add_to(&mut files, &project)?;
    let engines = Engines::install(&package, &settings.engine_source, &settings.python)?;
    engines.add_to(&mut files, settings.arch, settings.engines)?;
    let manifest = manifest(&files, settings.arch, &engines.version);
    files.insert(MANIFEST_PATH.to_owned(), data(json(&manifest)?, &project));
    write(settings, &files, engines.version)
}

fn add_own(files: &mut Files, settings: &Settings, project: &FileSource) -> Result<(), LayerError> {
    let path = &settings.binary;
    let found = elf::inspect(path)?;
    if found.machine != settings.arch.machine() || found.linkage != Linkage::Static {
        return Err(LayerError::WrongBinary {
            path: path.clone(),
            found: format!("{}, {}", found.machine_name(), found.linkage),
            arch: settings.arch,
        });
    }
    let binary = fs::read(path).map_err(LayerError::io("read", path))?;
    for (name, content) in [
        ("bootstrap", binary),
        ("exec-wrapper", EXEC_WRAPPER.to_vec()),
    ] {
        let kind = Kind::Program;
        let source = project.clone();
        let file = LayerFile {
            kind,
            content,
            source,
        };
        files.insert(name.to_owned(), file);
    }
    let licence = "licenses/faas-supervisor/LICENSE".to_owned();
    files.insert(licence, data(LICENCE.to_vec(), project));
    licences::add_to(files, &settings.project, settings.arch)
}

fn data(content: Vec<u8>, source: &FileSource) -> LayerFile {
    LayerFile {
        kind: Kind::Data,
        content,
        source: source.clone(),
    }
}

fn manifest(files: &Files, arch: Arch, engines_version: &str) -> Manifest {
    let entry = |(path, file): (&String, &LayerFile)| ManifestEntry::new(path, file);
    Manifest {
        version: VERSION.to_owned(),
        arch,
        udocker_version: pin::UDOCKER_VERSION.to_owned(),
        engines_version: engines_version.to_owned(),
        files: files.iter().map(entry).collect(),
    }
}

/// Checks the sizes and writes the zip, and its description beside it.
fn write(
    settings: &Settings,
    files: &Files,
    engines_version: String,
) -> Result<LayerDescription, LayerError> {
    let arch = settings.arch;
    let name = format!("faas-supervisor-{arch}");
    let content: u64 = files.values().map(|file| file.content.len() as u64).sum();
    check_size(arch, "unzipped", content, pin::UNZIPPED_LIMIT)?;
    let zip = archive::pack(&name, files)?;
    check_size(arch, "zipped", zip.len() as u64, settings.zipped_limit)?;
    let description = LayerDescription {
        version: VERSION.to_owned(),
        arch,
        sha256: sha256(&zip),
        size: zip.len() as u64,
        udocker_version: pin::UDOCKER_VERSION.to_owned(),
        engines_version,
        compatible_runtimes: COMPATIBLE_RUNTIMES.map(str::to_owned).to_vec(),
    };
    fs::create_dir_all(&settings.output).map_err(LayerError::io("make", &settings.output))?;
    put(&settings.output.join(format!("{name}.zip")), &zip)?;
    let text = json(&description)?;
    put(&settings.output.join(format!("{name}.json")), &text)?;
    Ok(description)
}

fn check_size(arch: Arch, kind: &'static str, size: u64, limit: u64) -> Result<(), LayerError> {
    if size <= limit {
        return Ok(());
    }
    Err(LayerError::TooLarge {
        arch,
        kind,
        size,
        limit,
    })
}

fn put(path: &Path, content: &[u8]) -> Result<(), LayerError> {
    fs::write(path, content).map_err(LayerError::io("write", path))
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, LayerError> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|error| LayerError::Program {
        program: "layer-build",
        reported: error.to_string(),
    })?;
    text.push(b'\n');
    Ok(text)
}
