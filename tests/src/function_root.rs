//! A root directory for a function that needs programs of this machine: udocker with its Python, and fakechroot.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::confinement::Confinement;
use crate::paths;

/// Directories of this machine that a function may find there.
const DIRECTORIES: [&str; 5] = ["/usr", "/bin", "/sbin", "/lib", "/lib64"];
/// What is needed of `/etc`: how libraries and programs are found, and whom TLS trusts.
const OF_ETC: [&str; 4] = [
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/ssl",
];

/// Makes `root`, with the accounts that a function sees, and says what is bound into it.
pub(crate) fn make(root: &Path, confinement: Confinement) -> Confinement {
    for (name, content) in accounts() {
        let path = root.join(name.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let mut confinement = confinement;
    for directory in DIRECTORIES.map(Path::new) {
        let Ok(found) = fs::symlink_metadata(directory) else {
            continue;
        };
        if found.is_symlink() {
            let inside = root.join(directory.strip_prefix("/").unwrap());
            symlink(fs::read_link(directory).unwrap(), inside).unwrap();
        } else {
            confinement = confinement.bind(directory, directory);
        }
    }
    let setup = paths::root().join("tests/setup");
    let target = paths::target();
    let of_etc = OF_ETC
        .map(Path::new)
        .into_iter()
        .filter(|path| path.exists());
    of_etc
        .chain([setup.as_path(), target.as_path()])
        .fold(confinement, |confinement, path| {
            confinement.bind(path, path)
        })
        .bind(&paths::supervisor(), Path::new("/opt/bootstrap"))
}

/// The files of `/etc` that are a function's own.
pub(crate) fn accounts() -> [(&'static str, &'static str); 4] {
    [
        (
            "/etc/passwd",
            "root:x:0:0:root:/root:/bin/bash\nsbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin\n",
        ),
        ("/etc/group", ""),
        ("/etc/hosts", "127.0.0.1 localhost\n"),
        ("/etc/resolv.conf", "nameserver 127.0.0.1\n"),
    ]
}
