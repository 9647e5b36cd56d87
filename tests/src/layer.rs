//! The layer of the binary under test.

use std::path::PathBuf;
use std::sync::OnceLock;

use layer_build::layer::arch::Arch;
use layer_build::layer::engines::{EngineSelection, EngineSource};
use layer_build::layer::{Settings, assemble, pin};

use crate::paths::{fixture, root, supervisor, target, tool};

/// Its archive, assembled once.
pub fn layer() -> PathBuf {
    static LAYER: OnceLock<PathBuf> = OnceLock::new();
    let make = || {
        let settings = layer_settings(Arch::X86_64, supervisor());
        assemble(&settings).unwrap();
        settings.output.join("faas-supervisor-x86_64.zip")
    };
    LAYER.get_or_init(make).clone()
}

/// How it is assembled for a binary.
pub fn layer_settings(arch: Arch, binary: PathBuf) -> Settings {
    // Test programs may run at once.
    let program = std::env::current_exe().unwrap();
    let output = target().join("layer-tests");
    Settings {
        arch,
        binary,
        package: None,
        cache: target().join("layer/cache"),
        python: tool("python"),
        engine_source: EngineSource::Tarball(fixture("engines.tar.gz")),
        engines: EngineSelection::FModes,
        project: root(),
        output: output.join(program.file_name().unwrap()),
        zipped_limit: pin::ZIPPED_LIMIT,
    }
}
