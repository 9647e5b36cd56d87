//! A machine with next to nothing: a root directory that holds a static busybox as `/bin/sh`, and the supervisor.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::launch::Launch;
use crate::paths;
use crate::sandbox::Sandbox;

/// What the root offers for writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// A `/tmp` for everyone.
    Tmp,
    /// Nothing but a memory file system on `/dev/shm`; the root is read-only.
    OnlyShm,
    /// Nothing at all; the root is read-only.
    None,
}

/// A root directory inside a sandbox: `/bin/busybox`, `/bin/sh`, `/bin/supervisor`. No `/proc`, no `/dev`, no `/etc`.
#[derive(Debug)]
pub struct BareRoot {
    path: PathBuf,
    room: Room,
    user: u32,
}

impl BareRoot {
    /// One whose supervisor runs as `user` (and the group of that number).
    pub fn new(sandbox: &Sandbox, room: Room, user: u32) -> Self {
        let path = sandbox.path("root");
        fs::create_dir_all(path.join("bin")).unwrap();
        copy_program(Path::new("/bin/busybox"), &path.join("bin/busybox"));
        symlink("busybox", path.join("bin/sh")).unwrap();
        copy_program(&paths::supervisor(), &path.join("bin/supervisor"));
        let writable = match room {
            Room::Tmp => Some("tmp"),
            Room::OnlyShm => Some("dev/shm"),
            Room::None => None,
        };
        if let Some(writable) = writable {
            fs::create_dir_all(path.join(writable)).unwrap();
            let everyone = fs::Permissions::from_mode(0o1777);
            fs::set_permissions(path.join(writable), everyone).unwrap();
        }
        Self { path, room, user }
    }

    /// A path of the root as this machine sees it.
    pub fn path(&self, inside: &str) -> PathBuf {
        self.path.join(inside.trim_start_matches('/'))
    }

    /// Writes a file into the root.
    pub fn write(&self, inside: &str, content: &str) {
        let path = self.path(inside);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Everything below the root that does not belong to it, as paths inside.
    pub fn left(&self) -> Vec<PathBuf> {
        let mut left = Vec::new();
        for directory in ["tmp", "dev/shm"] {
            let entries = fs::read_dir(self.path.join(directory));
            left.extend(entries.into_iter().flatten().map(|e| e.unwrap().path()));
        }
        left
    }

    /// `supervisor` with the sandbox's variables, except those that name directories of this machine.
    pub fn launch(&self, sandbox: &Sandbox) -> Launch {
        let launch = sandbox.launch().through(self.entering());
        ["HOME", "TMPDIR", "UDOCKER_DIR", "UDOCKER_EXEC"]
            .into_iter()
            .fold(launch, Launch::without)
            .env("PATH", "/bin:/usr/sbin:/usr/bin")
    }

    /// The program that enters the root, up to the name of the program to run there.
    fn entering(&self) -> Vec<OsString> {
        let (root, user) = (text(&self.path), self.user);
        let chroot = format!("exec chroot --userspec={user}:{user} {root} /bin/supervisor \"$@\"");
        let mounts = match self.room {
            Room::Tmp => return shell(&chroot),
            Room::OnlyShm => format!("mount -t tmpfs -o mode=1777 none {root}/dev/shm && "),
            Room::None => String::new(),
        };
        // Nobody else sees these mounts, and they go with the process.
        let read_only = format!(
            "mount --bind {root} {root} && {mounts}mount -o remount,bind,ro {root} && cd / && {chroot}"
        );
        [words(&["unshare", "--mount"]), shell(&read_only)].concat()
    }
}

fn shell(line: &str) -> Vec<OsString> {
    words(&["sh", "-c", line, "sh"])
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("sandboxes have plain names")
}

/// Copies a program that is to be started. Another process does it: a file that this one writes to is inherited by what
/// other threads are just starting, and cannot be run as long as they have it.
pub fn copy_program(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg(from).arg(to).status();
    assert!(copied.expect("cp starts").success());
}
