//! P1 and P2: the proot program, and its command line.

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
};

use nix::unistd::{Gid, Pid, Uid};

use super::{
    super::order::Variables,
    EngineError,
    files::{ARCH, EngineFiles},
};

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
/// A proot that is killed leaves its temporary files, named after its process: `proot-PID-XXXXXX`
/// and `prooted-PID-XXXXXX`. Before 5.4 they are in `/tmp` whatever the environment says.
pub fn remove_files_of(killed: &BTreeSet<Pid>, variables: &Variables) {
    if killed.is_empty() {
        return;
    }
    let named = ["PROOT_TMP_DIR", "TMPDIR"]
        .iter()
        .filter_map(|name| variables.get(OsStr::new(name)))
        .map(Path::new);
    for directory in named.chain([Path::new("/tmp")]) {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let mut parts = name.to_str().unwrap_or_default().split('-');
            let of_proot = matches!(parts.next(), Some("proot" | "prooted"));
            let pid = parts
                .next()
                .and_then(|pid| pid.parse().ok())
                .map(Pid::from_raw);
            if of_proot && pid.is_some_and(|pid| killed.contains(&pid)) {
                let path = entry.path();
                let _other_users = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
            }
        }
    }
}
