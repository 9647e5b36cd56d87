//! Single names in open directories: nothing here takes a path of several components, and no link is followed.
//!
//! What a run leaves may have any mode. The files belong to the user the supervisor runs as (or that user may do
//! anything), so that a mode that is in the way can be changed; who opens something here puts its mode right later.

use std::{ffi::OsStr, fs::File, os::fd::OwnedFd};

use nix::{
    dir::Type,
    errno::Errno,
    fcntl::{AtFlags, OFlag, openat},
    sys::stat::{
        FchmodatFlags, FileStat, Mode, SFlag, UtimensatFlags, fchmodat, fstatat, utimensat,
    },
    sys::time::TimeSpec,
    unistd::{Gid, Uid, UnlinkatFlags, fchownat, unlinkat},
};

const IN_A_SECOND: i64 = 1_000_000_000;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
    Link,
    Fifo,
    /// A socket or a device, which no unprivileged run can make as it was.
    Other,
}

impl Kind {
    pub(super) fn of(mode: u32) -> Self {
        match SFlag::from_bits_truncate(mode) & SFlag::S_IFMT {
            SFlag::S_IFREG => Self::File,
            SFlag::S_IFDIR => Self::Directory,
            SFlag::S_IFLNK => Self::Link,
            SFlag::S_IFIFO => Self::Fifo,
            _ => Self::Other,
        }
    }
}

/// What is put back beside contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Attributes {
    pub mode: u32,
    pub(super) owner: u32,
    pub(super) group: u32,
    /// Nanoseconds since 1970.
    pub modified: i64,
}

impl Attributes {
    pub(super) fn of(stat: &FileStat) -> Self {
        Self {
            mode: stat.st_mode,
            owner: stat.st_uid,
            group: stat.st_gid,
            modified: nanoseconds(stat.st_mtime, stat.st_mtime_nsec),
        }
    }

    /// Gives them to `name`, which has those of `found`.
    pub(super) fn give(self, at: &OwnedFd, name: &OsStr, found: Self) -> nix::Result<()> {
        let mut mode = found.mode;
        if (self.owner, self.group) != (found.owner, found.group) {
            let (owner, group) = (Uid::from_raw(self.owner), Gid::from_raw(self.group));
            fchownat(
                at,
                name,
                Some(owner),
                Some(group),
                AtFlags::AT_SYMLINK_NOFOLLOW,
            )?;
            // Which may have cost the set-user-id bit.
            mode = 0;
        }
        if self.mode != mode && Kind::of(self.mode) != Kind::Link {
            change_mode(at, name, self.mode)?;
        }
        if self.modified != found.modified {
            let time = TimeSpec::new(
                self.modified.div_euclid(IN_A_SECOND),
                self.modified.rem_euclid(IN_A_SECOND),
            );
            let follow = UtimensatFlags::NoFollowSymlink;
            utimensat(at, name, &TimeSpec::UTIME_OMIT, &time, follow)?;
        }
        Ok(())
    }
}

/// When the inode last changed in any way, nanoseconds since 1970: no program can set it.
pub(super) fn changed(stat: &FileStat) -> i64 {
    nanoseconds(stat.st_ctime, stat.st_ctime_nsec)
}

fn nanoseconds(seconds: i64, nanoseconds: i64) -> i64 {
    seconds
        .saturating_mul(IN_A_SECOND)
        .saturating_add(nanoseconds)
}

pub(super) fn size(stat: &FileStat) -> u64 {
    stat.st_size.cast_unsigned()
}

pub(super) fn stat(at: &OwnedFd, name: &OsStr) -> nix::Result<FileStat> {
    fstatat(at, name, AtFlags::AT_SYMLINK_NOFOLLOW)
}

pub(super) fn change_mode(at: &OwnedFd, name: &OsStr, mode: u32) -> nix::Result<()> {
    let mode = Mode::from_bits_truncate(mode);
    fchmodat(at, name, mode, FchmodatFlags::NoFollowSymlink)
}

/// Opens `name`, whatever its mode says.
pub(super) fn open(at: &OwnedFd, name: &OsStr, flags: OFlag) -> nix::Result<OwnedFd> {
    let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    match openat(at, name, flags, Mode::S_IRUSR | Mode::S_IWUSR) {
        Err(Errno::EACCES) => {
            change_mode(at, name, 0o700)?;
            openat(at, name, flags, Mode::empty())
        }
        done => done,
    }
}

pub(super) fn open_directory(at: &OwnedFd, name: &OsStr) -> nix::Result<OwnedFd> {
    open(at, name, OFlag::O_RDONLY | OFlag::O_DIRECTORY)
}

pub(super) fn open_file(at: &OwnedFd, name: &OsStr, flags: OFlag) -> nix::Result<File> {
    open(at, name, flags | OFlag::O_NOCTTY).map(File::from)
}

/// Shows each entry of the directory: its name, its inode and whether it is a directory. What is shown may be removed
/// or renamed at once; nothing is remembered, because there may be any number.
pub(super) fn each<E: From<Errno>>(
    directory: &OwnedFd,
    mut show: impl FnMut(&OsStr, u64, Kind) -> Result<(), E>,
) -> Result<(), E> {
    let opened = open_directory(directory, OsStr::new("."))?;
    rootfs::each_entry(opened, |name, entry| {
        let kind = match entry.file_type() {
            Some(Type::Directory) => Kind::Directory,
            Some(Type::File) => Kind::File,
            Some(_) => Kind::Other,
            None => Kind::of(stat(directory, name)?.st_mode),
        };
        show(name, entry.ino(), kind)
    })
}

/// Removes what is no directory; missing is as good as removed.
pub(super) fn unlink(at: &OwnedFd, name: &OsStr) -> nix::Result<()> {
    match unlinkat(at, name, UnlinkatFlags::NoRemoveDir) {
        Err(Errno::ENOENT) => Ok(()),
        done => done,
    }
}
