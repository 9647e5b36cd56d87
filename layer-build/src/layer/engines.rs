//! udocker's engines: udocker itself installs them into a scratch directory, and the layer gets those for its processor.
//!
//! `udocker install` unpacks `udocker_dir/{bin,lib,doc}` of its engine tarball into `UDOCKER_DIR` and checks
//! `lib/VERSION` (udocker's `tools.py`). Names of engine files carry the processor: `patchelf-x86_64`,
//! `libfakechroot-Debian-12-arm64.so` (its `elfpatcher.py` and `fakechroot.py`).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::ValueEnum;
use tempfile::TempDir;

use super::arch::Arch;
use super::content::{FileSource, Files, Kind, LayerFile, sha256};
use super::error::LayerError;
use super::package::Package;
use super::{pin, program};

/// Which engines go into the layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EngineSelection {
    /// What the F modes need, the only modes that work in AWS Lambda.
    FModes,
    /// Everything for this processor.
    All,
}

/// Where engines come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineSource {
    /// udocker's own download.
    Download,
    /// A tarball in udocker's layout.
    Tarball(PathBuf),
}

/// Engines that udocker has installed.
#[derive(Debug)]
pub struct Engines {
    directory: TempDir,
    /// Their version.
    pub version: String,
    origin: String,
}

impl Engines {
    /// Runs the package's `udocker install`.
    ///
    /// # Errors
    /// [`LayerError::NoEngines`] or [`LayerError::WrongEngines`] when udocker cannot, [`LayerError::OldEngines`] when they
    /// would not keep udocker from downloading.
    pub fn install(
        package: &Package,
        source: &EngineSource,
        python: &Path,
    ) -> Result<Self, LayerError> {
        let directory = tempfile::Builder::new()
            .prefix("faas-engines-")
            .tempdir()
            .map_err(LayerError::io("make", &std::env::temp_dir()))?;
        run_install(package, source, python, directory.path())?;
        let path = directory.path().join("lib/VERSION");
        let version = fs::read_to_string(&path).map_err(LayerError::io("read", &path))?;
        let version = version.trim().to_owned();
        if !is_at_least(&version, pin::ENGINES_MINIMUM) {
            return Err(LayerError::OldEngines { found: version });
        }
        let origin = match source {
            EngineSource::Download => format!("udocker engines {version}, from `udocker install`"),
            EngineSource::Tarball(path) => {
                let content = fs::read(path).map_err(LayerError::io("read", path))?;
                let hash = sha256(&content);
                format!("udocker engines {version}, from a tarball with SHA-256 {hash}")
            }
        };
        Ok(Self {
            directory,
            version,
            origin,
        })
    }

    /// Adds the chosen engine files and all their licences.
    ///
    /// # Errors
    /// [`LayerError::IncompleteEngines`] when something the F modes need is missing.
    pub fn add_to(
        &self,
        files: &mut Files,
        arch: Arch,
        selection: EngineSelection,
    ) -> Result<(), LayerError> {
        for (from, to, kind) in [
            ("bin", "udocker/bin", Kind::Program),
            ("lib", "udocker/lib", Kind::Data),
            ("doc", "licenses/engines", Kind::Data),
        ] {
            for path in listing(&self.directory.path().join(from))? {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                if from != "doc" && !is_chosen(&name, arch, selection) {
                    continue;
                }
                let content = fs::read(&path).map_err(LayerError::io("read", &path))?;
                let source = FileSource {
                    origin: self.origin.clone(),
                    licence: licence(&name),
                };
                let file = LayerFile {
                    kind,
                    content,
                    source,
                };
                files.insert(format!("{to}/{name}"), file);
            }
        }
        let missing = |start: &str| !files.keys().any(|path| path.starts_with(start));
        if missing("udocker/lib/libfakechroot") {
            let what = "libfakechroot library";
            return Err(LayerError::IncompleteEngines { what, arch });
        }
        if missing("udocker/bin/patchelf") {
            let what = "patchelf program";
            return Err(LayerError::IncompleteEngines { what, arch });
        }
        Ok(())
    }
}

/// Runs `udocker install` from the wheel, with a home and store of its own so that the user's settings have no effect.
fn run_install(
    package: &Package,
    source: &EngineSource,
    python: &Path,
    directory: &Path,
) -> Result<(), LayerError> {
    // Keeps udocker from fetching its news page, which takes long without a network.
    let home = directory.join(".udocker");
    let settings = home.join("udocker.conf");
    fs::create_dir(&home)
        .and_then(|()| fs::write(&settings, "[DEFAULT]\ninstallinfo =\n"))
        .map_err(LayerError::io("write", &settings))?;
    // Runs in the scratch directory, because Python looks for modules in the working directory first.
    let mut udocker = Command::new(from_here(python)?);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("UDOCKER_") {
            udocker.env_remove(name);
        }
    }
    udocker
        .args(["-m", "udocker.maincmd", "--allow-root", "install"])
        .current_dir(directory)
        .env("PYTHONPATH", &package.path)
        .env("HOME", directory)
        .env("UDOCKER_DIR", directory)
        // At this level udocker names the version that it refuses.
        .env("UDOCKER_LOGLEVEL", "4");
    if let EngineSource::Tarball(path) = source {
        let path = path.canonicalize().map_err(LayerError::io("find", path))?;
        udocker.env("UDOCKER_TARBALL", path);
    }
    let output = program::run("udocker install", &mut udocker)?;
    if output.status.success() && directory.join("lib/VERSION").is_file() {
        return Ok(());
    }
    let reported = program::error_lines(&output);
    Err(match source {
        EngineSource::Download => LayerError::NoEngines { reported },
        EngineSource::Tarball(path) => LayerError::WrongEngines {
            path: path.clone(),
            reported,
        },
    })
}

/// Makes the path of a program absolute. A bare name stays, and is looked up on the `PATH`.
fn from_here(program: &Path) -> Result<PathBuf, LayerError> {
    if program.components().count() == 1 {
        return Ok(program.to_path_buf());
    }
    std::path::absolute(program).map_err(LayerError::io("find", program))
}

/// The files of a directory. Links are followed when files are read, so a layer has no links.
fn listing(directory: &Path) -> Result<Vec<PathBuf>, LayerError> {
    let entries = fs::read_dir(directory).map_err(LayerError::io("list", directory))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(LayerError::io("list", directory))?.path();
        if path.is_file() {
            paths.push(path);
        }
    }
    Ok(paths)
}

fn is_chosen(name: &str, arch: Arch, selection: EngineSelection) -> bool {
    if name == "VERSION" {
        return true;
    }
    let stem = name.strip_suffix(".so").unwrap_or(name);
    // The name's last part, or one before a version: `proot-x86_64-4_8_0`.
    let is_for = |arch: &str| {
        stem.split_once(&format!("-{arch}"))
            .is_some_and(|(_, rest)| rest.is_empty() || rest.starts_with('-'))
    };
    let of_f_modes = name.starts_with("libfakechroot") || name.starts_with("patchelf");
    is_for(arch.name()) && (selection == EngineSelection::All || of_f_modes)
}

/// The licence of an engine, as its project states it. The texts are in `licenses/engines`.
fn licence(name: &str) -> &'static str {
    match name.split(['-', '.', '_']).next().unwrap_or_default() {
        "libfakechroot" | "fakechroot" => "LGPL-2.1-or-later",
        "patchelf" => "GPL-3.0-or-later",
        "proot" | "crun" => "GPL-2.0-or-later",
        "runc" | "VERSION" => "Apache-2.0",
        _ => "LicenseRef-see-licenses-engines",
    }
}

/// Compares versions as udocker does: number by number, with missing numbers as zero.
fn is_at_least(version: &str, minimum: &str) -> bool {
    let numbers = |text: &str| -> Vec<u64> {
        let mut parts: Vec<u64> = text.split('.').map(|p| p.parse().unwrap_or(0)).collect();
        parts.resize(3, 0);
        parts
    };
    numbers(version) >= numbers(minimum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for (version, accepted) in [
            ("1.2.11", true),
            ("1.2.9", false),
            ("1.10", true),
            ("1.2", false),
            ("", false),
        ] {
            assert_eq!(is_at_least(version, "1.2.11"), accepted, "{version}");
        }
    }

    #[test]
    fn engines_are_chosen_by_mode_and_processor() {
        for (name, f_modes, all) in [
            ("VERSION", true, true),
            ("libfakechroot-Debian-12-arm64.so", true, true),
            ("libfakechroot-Alpine-3.20-arm64.so", true, true),
            ("libfakechroot-Debian-12-x86_64.so", false, false),
            ("patchelf-arm64", true, true),
            ("proot-arm64-4_8_0", false, true),
            ("runc-arm64", false, true),
            ("crun-x86_64", false, false),
            ("proot-arm", false, false),
        ] {
            assert_eq!(
                is_chosen(name, Arch::Arm64, EngineSelection::FModes),
                f_modes,
                "{name}"
            );
            assert_eq!(
                is_chosen(name, Arch::Arm64, EngineSelection::All),
                all,
                "{name}"
            );
        }
    }
}
