//! The options of `layer-build assemble`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::Settings;
use super::arch::Arch;
use super::engines::{EngineSelection, EngineSource};
use super::pin;

/// Options of `layer-build assemble`.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The processor the layer is for.
    #[arg(long, value_enum)]
    arch: Arch,
    /// The supervisor, built for it; default: the release build below target/.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// The udocker package (its wheel) instead of pip's download; its SHA-256 is checked in any case.
    #[arg(long, value_name = "FILE")]
    udocker_package: Option<PathBuf>,
    /// udocker's engine tarball instead of the download of `udocker install`.
    #[arg(long, value_name = "FILE", env = "UDOCKER_TARBALL")]
    engines_tarball: Option<OsString>,
    /// Which engines go into the layer.
    #[arg(long, value_enum, default_value = "f-modes")]
    engines: EngineSelection,
    /// The directory for faas-supervisor-<ARCH>.zip and faas-supervisor-<ARCH>.json.
    #[arg(long, value_name = "DIRECTORY", default_value = "target/layer")]
    output: PathBuf,
    /// Where downloads are kept.
    #[arg(long, value_name = "DIRECTORY", default_value = "target/layer/cache")]
    cache: PathBuf,
    /// A Python with pip.
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    python: PathBuf,
    /// The project's top directory.
    #[arg(long, value_name = "DIRECTORY", default_value = ".")]
    project: PathBuf,
}

impl Options {
    /// Fills in the defaults.
    pub fn settings(self) -> Settings {
        let Self { arch, project, .. } = self;
        let built = || {
            let directory = project.join("target").join(arch.target());
            directory.join("release/supervisor")
        };
        // udocker takes an empty variable for "download nothing"; either way there is no tarball.
        let tarball = self.engines_tarball.filter(|path| !path.is_empty());
        let tarball = tarball.map(PathBuf::from);
        Settings {
            arch,
            binary: self.binary.unwrap_or_else(built),
            package: self.udocker_package,
            cache: self.cache,
            python: self.python,
            engine_source: tarball.map_or(EngineSource::Download, EngineSource::Tarball),
            engines: self.engines,
            project,
            output: self.output,
            zipped_limit: pin::ZIPPED_LIMIT,
        }
    }
}
