//! A second name for a file, or a copy of it where sandboxes deny link(2).

use std::{ffi::OsStr, fs::File, io, os::fd::OwnedFd};

use nix::{
    errno::Errno,
    fcntl::{AtFlags, OFlag, openat, readlinkat},
    sys::{
        stat::{FileStat, Mode, SFlag, fchmod, fstatat, futimens},
        time::TimeSpec,
    },
    unistd::{linkat, symlinkat},
};

/// Makes `new` in the directory `to` another name of `old` in `from`; neither name is followed.
///
/// # Errors
/// The operating system's; `EEXIST` when the name is taken.
pub(super) fn hard_link(from: &OwnedFd, old: &OsStr, to: &OwnedFd, new: &OsStr) -> nix::Result<()> {
    match linkat(from, old, to, new, AtFlags::empty()) {
        Err(denied @ (Errno::EPERM | Errno::ENOSYS)) => copy(from, old, to, new, denied),
        linked => linked,
    }
}

/// The kinds of files that images link: regular ones and symbolic links.
fn copy(from: &OwnedFd, old: &OsStr, to: &OwnedFd, new: &OsStr, denied: Errno) -> nix::Result<()> {
    let stat = fstatat(from, old, AtFlags::AT_SYMLINK_NOFOLLOW)?;
    match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
        SFlag::S_IFREG => copy_content(from, old, to, new, &stat),
        SFlag::S_IFLNK => symlinkat(readlinkat(from, old)?.as_os_str(), to, new),
        _ => Err(denied),
    }
}

fn copy_content(
    from: &OwnedFd,
    old: &OsStr,
    to: &OwnedFd,
    new: &OsStr,
    stat: &FileStat,
) -> nix::Result<()> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let source = openat(from, old, flags | OFlag::O_RDONLY, Mode::empty())?;
    let created = flags | OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL;
    let target = openat(to, new, created, Mode::S_IRUSR | Mode::S_IWUSR)?;
    let (mut source, mut target) = (File::from(source), File::from(target));
    io::copy(&mut source, &mut target)
        .map_err(|error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))?;
    fchmod(&target, Mode::from_bits_truncate(stat.st_mode & 0o7777))?;
    let modified = TimeSpec::new(stat.st_mtime, stat.st_mtime_nsec);
    futimens(&target, &modified, &modified)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn a_copy_has_content_mode_and_time() {
        let directory = tempfile::tempdir().unwrap();
        let at: OwnedFd = File::open(directory.path()).unwrap().into();
        let (old, new) = (directory.path().join("old"), directory.path().join("new"));
        fs::write(&old, "content").unwrap();
        fs::set_permissions(&old, fs::Permissions::from_mode(0o751)).unwrap();
        let name = |name: &'static str| OsStr::new(name);
        copy(&at, name("old"), &at, name("new"), Errno::EPERM).unwrap();
        let (one, other) = (fs::metadata(&old).unwrap(), fs::metadata(&new).unwrap());
        assert_eq!(fs::read(&new).unwrap(), b"content");
        assert_eq!(one.permissions(), other.permissions());
        assert_eq!(one.modified().unwrap(), other.modified().unwrap());
        let taken = copy(&at, name("old"), &at, name("new"), Errno::EPERM);
        assert_eq!(taken, Err(Errno::EEXIST));
        symlinkat("nowhere", &at, name("link")).unwrap();
        copy(&at, name("link"), &at, name("other"), Errno::EPERM).unwrap();
        let target = fs::read_link(directory.path().join("other")).unwrap();
        assert_eq!(target.as_os_str(), "nowhere");
    }
}
