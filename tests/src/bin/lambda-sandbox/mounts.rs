//! The file systems that a function sees.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sys::stat::{Mode, SFlag, makedev, mknod},
    unistd::{chdir, pivot_root},
};

use crate::options::Options;

/// The devices of `/dev`: name, major and minor number (kernel, devices.txt).
const DEVICES: [(&str, u64, u64); 5] = [
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
];
/// The links of `/dev`.
const LINKS: [(&str, &str); 3] = [
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];

/// Makes the root directory of the options this process's own. To be called in a mount namespace and a pid namespace of
/// one's own.
pub(crate) fn enter(options: &Options) -> anyhow::Result<()> {
    let root = options.root.as_path();
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>).context("private mounts")?;
    bind(root, root)?;
    for (source, target) in &options.binds {
        let target = inside(root, target);
        make_mount_point(source, &target)?;
        bind(source, &target)?;
        read_only(&target)?;
    }
    for directory in ["proc", "dev", "tmp"] {
        fs::create_dir_all(root.join(directory))?;
    }
    make_devices(&root.join("dev"))?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(
        Some("proc"),
        &root.join("proc"),
        Some("proc"),
        flags,
        None::<&str>,
    )
    .context("/proc")?;
    read_only(root)?;
    if let Some(tmp) = &options.tmp {
        let target = root.join("tmp");
        bind(tmp, &target)?;
        remount(&target, MsFlags::MS_NOSUID | MsFlags::MS_NODEV)?;
    }
    chdir(root)?;
    // The old root is put over the new one, and taken away from there (pivot_root(2)).
    pivot_root(".", ".").context("pivot_root")?;
    umount2(".", MntFlags::MNT_DETACH).context("the old root")?;
    chdir("/")?;
    Ok(())
}

fn inside(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

fn make_mount_point(source: &Path, target: &Path) -> anyhow::Result<()> {
    let what = || format!("a mount point for {}", target.display());
    if source.is_dir() {
        return fs::create_dir_all(target).with_context(what);
    }
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).with_context(what)?;
    }
    if target.exists() {
        return Ok(());
    }
    fs::write(target, "").with_context(what)
}

fn bind(source: &Path, target: &Path) -> anyhow::Result<()> {
    mount(
        Some(source),
        target,
        None::<&str>,
        MsFlags::MS_BIND,
        None::<&str>,
    )
    .with_context(|| format!("bind {} to {}", source.display(), target.display()))
}

fn read_only(target: &Path) -> anyhow::Result<()> {
    let flags = MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    remount(target, flags)
}

fn remount(target: &Path, flags: MsFlags) -> anyhow::Result<()> {
    let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | flags;
    mount(None::<&str>, target, None::<&str>, flags, None::<&str>)
        .with_context(|| format!("remount {}", target.display()))
}

fn make_devices(dev: &Path) -> anyhow::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    let options = Some("mode=755,size=64k");
    mount(Some("dev"), dev, Some("tmpfs"), flags, options).context("/dev")?;
    for (name, major, minor) in DEVICES {
        let path = dev.join(name);
        let mode = Mode::from_bits_truncate(0o666);
        mknod(&path, SFlag::S_IFCHR, mode, makedev(major, minor)).with_context(|| name)?;
        // Whatever the umask says.
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o666))?;
    }
    for (name, target) in LINKS {
        symlink(target, dev.join(name))?;
    }
    remount(dev, flags | MsFlags::MS_RDONLY)
}
