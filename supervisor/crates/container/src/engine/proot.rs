//! P1 and P2: the proot program, and its command line.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use nix::unistd::{Gid, Uid};

use super::files::{ARCH, EngineFiles};
use crate::error::EngineError;

/// The proot to use: the one that is named, else udocker's, else the machine's.
///
/// # Errors
/// [`EngineError::NoProot`].
pub fn find(files: &EngineFiles) -> Result<PathBuf, EngineError> {
    let bundled = [
        // For kernels since 4.8, where seccomp and ptrace meet in another order.
        format!("proot-{ARCH}-4_8_0"),
        format!("proot-{ARCH}"),
        "proot".to_owned(),
    ];
    let bundled = bundled.iter().map(|name| files.bin.join(name));
    files
        .proot
        .iter()
        .cloned()
        .chain(bundled)
        .chain(files.installed_proot.clone())
        .find(|path| path.is_file())
        .ok_or_else(|| EngineError::NoProot {
            directory: files.bin.clone(),
        })
}

/// `proot -v 1 -b HOST:INSIDE… -0 -r ROOT -w DIRECTORY`, to be followed by what runs inside.
pub fn command_line(
    proot: &Path,
    binds: &[(PathBuf, PathBuf)],
    user: &str,
    root: &Path,
    working_directory: &Path,
) -> Vec<OsString> {
    // At this verbosity it says of each process how it ended.
    let mut line = vec![proot.into(), "-v".into(), "1".into()];
    for (host, inside) in binds {
        let mut bind = host.clone().into_os_string();
        bind.push(":");
        bind.push(inside);
        line.extend(["-b".into(), bind]);
    }
    let uid = Uid::effective();
    // Another user than root cannot be played: it is this one, under the image's name of it.
    if user == "root" || user == "0" || uid.is_root() {
        line.push("-0".into());
    } else {
        line.extend(["-i".into(), format!("{uid}:{}", Gid::effective()).into()]);
    }
    line.extend(["-r".into(), root.into()]);
    line.extend(["-w".into(), working_directory.into()]);
    line
}
