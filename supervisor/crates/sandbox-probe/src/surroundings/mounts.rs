//! What is mounted, and how much room there is.

use std::path::Path;

use nix::sys::statvfs::{Statvfs, statvfs};
use serde::{Deserialize, Serialize};

/// A mount. What is mounted is left out: its name may be an address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Where.
    pub path: String,
    /// Type of the file system.
    pub kind: String,
    /// Options, separated by commas; values of those that are about secrets are left out.
    pub options: String,
}

/// A directory's file system.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileSystem {
    /// The directory.
    pub path: String,
    /// Type of the file system.
    pub kind: String,
    /// Size in bytes.
    pub size: u64,
    /// Of that, free for this user.
    pub free: u64,
}

impl FileSystem {
    pub(super) fn of(path: &Path, mounts: &[Mount]) -> Self {
        let system = statvfs(path).ok();
        let bytes = |blocks: fn(&Statvfs) -> u64| {
            let bytes = |system| blocks(system).saturating_mul(system.fragment_size());
            system.as_ref().map_or(0, bytes)
        };
        let real = path.canonicalize();
        let real = real.as_deref().unwrap_or(path);
        let on = mounts.iter().filter(|mount| real.starts_with(&mount.path));
        // Of two at one place the later one is seen.
        let mount = on.max_by_key(|mount| mount.path.len());
        Self {
            path: path.display().to_string(),
            kind: mount.map(|mount| mount.kind.clone()).unwrap_or_default(),
            size: bytes(Statvfs::blocks),
            free: bytes(Statvfs::blocks_available),
        }
    }
}

pub(super) fn all() -> Vec<Mount> {
    let text = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    text.lines().filter_map(parse).collect()
}

/// `device path type options 0 0`, with blanks as octal numbers (fstab(5)).
fn parse(line: &str) -> Option<Mount> {
    let mut fields = line.split(' ').skip(1);
    let path = fields.next()?;
    let path = [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ]
    .into_iter()
    .fold(path.to_owned(), |path, (from, to)| path.replace(from, to));
    let kind = fields.next()?.to_owned();
    let options: Vec<_> = fields.next()?.split(',').map(without_secret).collect();
    Some(Mount {
        path,
        kind,
        options: options.join(","),
    })
}

/// Options whose values say what a file system allows; others may be addresses, names of users, or secrets.
const SHOWN: [&str; 10] = [
    "size",
    "nr_inodes",
    "nr_blocks",
    "mode",
    "uid",
    "gid",
    "umask",
    "hidepid",
    "vers",
    "errors",
];

fn without_secret(option: &str) -> String {
    match option.split_once('=') {
        Some((name, _)) if !SHOWN.contains(&name) => format!("{name}=…"),
        _ => option.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_has_no_source_and_no_secret() {
        let line = r"//me:hush@host/share /mnt/a\040place cifs rw,username=me,password=hush,addr=192.0.2.1,uid=0 0 0";
        let expected = Mount {
            path: "/mnt/a place".to_owned(),
            kind: "cifs".to_owned(),
            options: "rw,username=…,password=…,addr=…,uid=0".to_owned(),
        };
        assert_eq!(parse(line), Some(expected));
        assert_eq!(parse("nonsense"), None);
    }

    #[test]
    fn the_nearest_mount_counts() {
        let mount = |path: &str, kind: &str| Mount {
            path: path.to_owned(),
            kind: kind.to_owned(),
            options: String::new(),
        };
        let mounts = [
            mount("/", "ext4"),
            mount("/proc", "proc"),
            mount("/pro", "other"),
        ];
        let system = FileSystem::of(Path::new("/proc/sys"), &mounts);
        assert_eq!(system.kind, "proc");
        let root = FileSystem::of(Path::new("/"), &mounts);
        assert_eq!(root.kind, "ext4");
        assert!(root.size >= root.free);
    }
}
