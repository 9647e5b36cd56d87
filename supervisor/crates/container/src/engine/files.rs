//! Where the engines' files are, and what udocker's variables say about them (udocker user manual, "Environment variables").

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

/// What udocker calls the processor in the names of its files.
pub const ARCH: &str = if cfg!(target_arch = "aarch64") {
    "arm64"
} else {
    "x86_64"
};

/// The engines' files and settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineFiles {
    /// Programs (`UDOCKER_BIN`).
    pub bin: PathBuf,
    /// Libraries (`UDOCKER_LIB`).
    pub lib: PathBuf,
    /// `UDOCKER_USE_PROOT_EXECUTABLE`.
    pub proot: Option<PathBuf>,
    /// The machine's own proot, where udocker's is not there.
    pub installed_proot: Option<PathBuf>,
    /// `UDOCKER_FAKECHROOT_SO`: a path, or the name of a file in [`Self::lib`].
    pub fakechroot: Option<PathBuf>,
    /// `UDOCKER_FAKECHROOT_LIBC`: the image's C library, as a path inside the image.
    pub libc: Option<OsString>,
    /// `UDOCKER_FAKECHROOT_CMD_SUBST`.
    pub substitutions: Option<OsString>,
    /// `UDOCKER_FAKECHROOT_EXPAND_SYMLINKS`.
    pub expand_symlinks: Option<OsString>,
    /// What proot is told (`PROOT_NO_SECCOMP` and the like, proot(1)).
    pub for_proot: BTreeMap<OsString, OsString>,
}

impl EngineFiles {
    /// From udocker's `variables`; `store` is `UDOCKER_DIR`.
    pub fn new(
        variables: &BTreeMap<OsString, OsString>,
        store: &Path,
        installed_proot: Option<PathBuf>,
    ) -> Self {
        let text = |name: &str| variables.get(OsStr::new(name)).filter(|v| !v.is_empty());
        let directory =
            |name, default: &str| text(name).map_or_else(|| store.join(default), PathBuf::from);
        let proot = text("UDOCKER_USE_PROOT_EXECUTABLE").filter(|value| *value != "UDOCKER");
        Self {
            bin: directory("UDOCKER_BIN", "bin"),
            lib: directory("UDOCKER_LIB", "lib"),
            proot: proot.map(PathBuf::from),
            installed_proot,
            fakechroot: text("UDOCKER_FAKECHROOT_SO").map(PathBuf::from),
            libc: text("UDOCKER_FAKECHROOT_LIBC").cloned(),
            substitutions: text("UDOCKER_FAKECHROOT_CMD_SUBST").cloned(),
            expand_symlinks: text("UDOCKER_FAKECHROOT_EXPAND_SYMLINKS").cloned(),
            for_proot: variables
                .iter()
                .filter(|(name, _)| name.as_bytes().starts_with(b"PROOT_"))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        }
    }
}
