//! The udocker execution modes under test, each with an image that it can run here.

use std::path::PathBuf;

use crate::paths;

/// An execution mode, its engine from Debian and its image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Debian's proot, with a static busybox: a current glibc does not start under that proot.
    P1,
    /// runc, with the same image.
    R1,
    /// Debian's fakechroot library, with a small glibc image: a static program would run on the host's root.
    F1,
    /// proot and the same image as [`Self::P1`], without udocker.
    NativeP1,
    /// fakechroot and the same image as [`Self::F1`], without udocker.
    NativeF1,
}

impl Mode {
    /// Every mode of udocker, for tests that must hold in each.
    pub const ALL: [Self; 3] = [Self::P1, Self::R1, Self::F1];

    /// udocker's name of the mode.
    pub fn name(self) -> &'static str {
        match self {
            Self::P1 | Self::NativeP1 => "P1",
            Self::R1 => "R1",
            Self::F1 | Self::NativeF1 => "F1",
        }
    }

    /// What is to run containers, as `container.engine`.
    pub fn engine(self) -> &'static str {
        match self {
            Self::P1 | Self::R1 | Self::F1 => "udocker",
            Self::NativeP1 | Self::NativeF1 => "native",
        }
    }

    /// Whether Lambda's sandbox lets its engine run: proot traces processes, and runc mounts file systems.
    pub fn runs_on_lambda(self) -> bool {
        self.name() == "F1"
    }

    /// The image that runs in this mode.
    pub fn image(self) -> PathBuf {
        match self {
            Self::P1 | Self::R1 | Self::NativeP1 => paths::archive("busybox"),
            Self::F1 | Self::NativeF1 => paths::archive("debian"),
        }
    }

    /// The udocker to run: as released, or with the adapter that Debian's fakechroot library needs.
    pub fn udocker(self) -> PathBuf {
        match self {
            Self::P1 | Self::R1 => paths::tool("udocker"),
            Self::F1 => paths::root().join("tests/setup/udocker-debian"),
            Self::NativeP1 | Self::NativeF1 => "/there/is/no/udocker".into(),
        }
    }
}

/// Variables that make udocker work from Debian's engines alone, without its own download.
pub(crate) fn udocker_variables() -> [(&'static str, String); 5] {
    let fakechroot = format!(
        "/usr/lib/{}-linux-gnu/fakechroot/libfakechroot.so",
        std::env::consts::ARCH
    );
    let patchelf = paths::root().join("tests/setup/patchelf");
    [
        ("UDOCKER_TARBALL", String::new()),
        ("UDOCKER_USE_PROOT_EXECUTABLE", "/usr/bin/proot".to_owned()),
        ("UDOCKER_USE_RUNC_EXECUTABLE", "/usr/sbin/runc".to_owned()),
        (
            "UDOCKER_USE_PATCHELF_EXECUTABLE",
            patchelf.display().to_string(),
        ),
        ("UDOCKER_FAKECHROOT_SO", fakechroot),
    ]
}
