//! What a killed proot leaves.

use std::{collections::BTreeSet, ffi::OsStr, fs, path::Path};

use nix::unistd::Pid;

use super::launch_spec::Variables;

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
