//! What a layer is assembled from in tests: small programs that are none, and an engine tarball in udocker's layout.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use layer_build::layer::arch::Arch;
use layer_build::layer::engines::{EngineSelection, EngineSource};
use layer_build::layer::package::Package;
use layer_build::layer::{Settings, pin};
use tempfile::TempDir;
use zip::ZipArchive;

/// One test's inputs and outputs.
pub(crate) struct Workshop(TempDir);

impl Workshop {
    /// With engines as new as they must be.
    pub(crate) fn new() -> Self {
        Self::with_engines(pin::ENGINES_MINIMUM)
    }

    /// With engines of this version.
    pub(crate) fn with_engines(version: &str) -> Self {
        let workshop = Self(tempfile::tempdir().unwrap());
        for (arch, machine) in [(Arch::X86_64, 62), (Arch::Arm64, 183)] {
            // A file header of ELF-64, little-endian, without program headers: static, and nothing in it.
            let mut header = vec![0; 64];
            header[..6].copy_from_slice(b"\x7fELF\x02\x01");
            header[18] = machine;
            fs::write(workshop.binary(arch), header).unwrap();
        }
        workshop.compose(version);
        workshop
    }

    fn compose(&self, version: &str) {
        let top = self.path("udocker_dir");
        for directory in ["bin", "lib", "doc"] {
            fs::create_dir_all(top.join(directory)).unwrap();
        }
        for arch in ["x86_64", "arm64"] {
            for program in ["patchelf-A", "proot-A-4_8_0", "runc-A", "crun-A"] {
                let name = program.replace('A', arch);
                fs::write(top.join("bin").join(&name), &name).unwrap();
            }
            for system in ["Debian-12", "Alpine-3.20"] {
                let path = top.join(format!("lib/libfakechroot-{system}-{arch}.so"));
                fs::write(path, format!("{system}-{arch}")).unwrap();
            }
            let link = top.join(format!("lib/libfakechroot-Debian-13-{arch}.so"));
            symlink(format!("libfakechroot-Debian-12-{arch}.so"), link).unwrap();
        }
        fs::write(top.join("lib/VERSION"), format!("{version}\n")).unwrap();
        fs::write(top.join("doc/LICENSE.fakechroot"), "a licence").unwrap();
        let mut tar = Command::new("tar");
        tar.arg("-czf").arg(self.tarball());
        tar.arg("-C").arg(self.0.path()).arg("udocker_dir");
        assert!(tar.status().unwrap().success());
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn binary(&self, arch: Arch) -> PathBuf {
        self.path(&format!("supervisor-{arch}"))
    }

    pub(crate) fn tarball(&self) -> PathBuf {
        self.path("engines.tar.gz")
    }

    pub(crate) fn output(&self, name: &str) -> PathBuf {
        self.path("output").join(name)
    }

    /// How a layer is made of them through the library.
    pub(crate) fn settings(&self, arch: Arch) -> Settings {
        Settings {
            arch,
            binary: self.binary(arch),
            package: Some(package()),
            cache: self.path("cache"),
            python: python(),
            engine_source: EngineSource::Tarball(self.tarball()),
            engines: EngineSelection::FModes,
            project: root(),
            output: self.path("output"),
            zipped_limit: pin::ZIPPED_LIMIT,
        }
    }

    /// How one is made through the command, for `x86_64`.
    pub(crate) fn command(&self, umask: &str) -> Command {
        let mut command = Command::new("sh");
        command
            .args(["-c", "umask \"$0\"; exec \"$@\"", umask])
            .args([env!("CARGO_BIN_EXE_layer-build"), "assemble"])
            .args(["--arch", "x86_64", "--binary"])
            .arg(self.binary(Arch::X86_64))
            .arg("--udocker-package")
            .arg(package())
            .arg("--python")
            .arg(python())
            .arg("--project")
            .arg(root())
            .arg("--output")
            .arg(self.path("output"))
            .env("TMPDIR", self.0.path())
            .env("UDOCKER_TARBALL", self.tarball());
        command
    }
}

/// The files of a zip with their modes; checks what holds for every entry.
pub(crate) fn unzip(zip: &[u8]) -> BTreeMap<String, (Vec<u8>, u32)> {
    let mut archive = ZipArchive::new(Cursor::new(zip)).unwrap();
    let mut files = BTreeMap::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).unwrap();
        assert!(member.extra_data().is_none_or(|data| data.is_empty()));
        let (name, mode) = (
            member.name().unwrap().into_owned(),
            member.unix_mode().unwrap(),
        );
        if member.is_dir() {
            assert_eq!(mode & 0o777, 0o755, "{name}");
            continue;
        }
        let mut content = Vec::new();
        member.read_to_end(&mut content).unwrap();
        files.insert(name, (content, mode));
    }
    files
}

/// The project's top directory.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_path_buf()
}

/// What cargo says is linked into `package`: name and version of each crate that is not the project's own.
pub(crate) fn linked(package: &str, arch: Arch) -> Vec<String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args([
            "tree",
            "--offline",
            "--locked",
            "--edges",
            "normal",
            "--prefix",
            "none",
        ])
        .args([
            "--package",
            package,
            "--target",
            arch.target(),
            "--format",
            "{p}",
        ])
        .current_dir(root());
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let own = |line: &&str| !line.contains(root().to_str().unwrap());
    let name = |line: &str| {
        line.replacen(" v", " ", 1)
            .split(" (")
            .next()
            .unwrap()
            .to_owned()
    };
    text.lines()
        .filter(|line| !line.is_empty())
        .filter(own)
        .map(name)
        .collect()
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

fn python() -> PathBuf {
    let path = target().join("tools/venv/bin/python");
    assert!(
        path.exists(),
        "{} is missing: run tests/setup/tools.sh",
        path.display()
    );
    path
}

/// The pinned package: downloaded once, then taken from where `make layer` keeps it.
fn package() -> PathBuf {
    static PACKAGE: OnceLock<PathBuf> = OnceLock::new();
    let cache = target().join("layer/cache");
    let obtain = || Package::obtain(None, &cache, &python()).unwrap().path;
    PACKAGE.get_or_init(obtain).clone()
}
