//! `/dev` as a function sees it: a few devices, and neither `/dev/shm`, `/dev/fd` nor terminals.

use std::{
    fs::{self, File},
    os::unix::fs::symlink,
    path::Path,
};

use nix::mount::{MntFlags, MsFlags, mount, umount2};

/// The devices there are.
const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];
/// The links there are.
const LINKS: [(&str, &str); 3] = [
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];

/// Replaces `/dev` in this mount namespace; `aside` is an empty directory in which the new one is put together, and which is
/// empty again afterwards.
///
/// # Errors
/// The operating system's.
pub(super) fn replace(aside: &Path) -> std::io::Result<()> {
    try_to_replace(aside).inspect_err(|_| {
        let _nothing_there = umount2(aside, MntFlags::MNT_DETACH);
    })
}

fn try_to_replace(aside: &Path) -> std::io::Result<()> {
    const NONE: Option<&str> = None;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    let options = Some("mode=755,size=64k");
    mount(Some("dev"), aside, Some("tmpfs"), flags, options)?;
    for name in DEVICES {
        let (device, here) = (Path::new("/dev").join(name), aside.join(name));
        File::create(&here)?;
        mount(Some(&device), &here, NONE, MsFlags::MS_BIND, NONE)?;
    }
    for (name, target) in LINKS {
        symlink(target, aside.join(name))?;
    }
    let read_only = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY | flags;
    mount(NONE, aside, NONE, read_only, NONE)?;
    mount(Some(aside), "/dev", NONE, MsFlags::MS_MOVE, NONE)?;
    fs::metadata("/dev/null").map(drop)
}
