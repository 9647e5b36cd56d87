//! The directory a member goes to, and what needs nothing else to be made in it.

use std::{
    ffi::OsStr,
    fs::File,
    io::{BufRead, Seek as _, SeekFrom, Write as _},
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{OFlag, openat},
    sys::{
        stat::{Mode, UtimensatFlags, futimens, utimensat},
        time::TimeSpec,
    },
    unistd::{mkfifoat, symlinkat},
};

use super::{
    super::{
        LayerError,
        member::Member,
        removal::{Kept, Removal},
        tar_stream::TarStream,
    },
    modes::Modes,
};
use crate::interrupt::Interrupt;

/// A directory that members are made in.
pub(super) struct Parent {
    pub(super) path: PathBuf,
    pub(super) directory: OwnedFd,
    pub(super) inode: u64,
}

/// Whether a member is in the root now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    Something,
    Nothing,
}

impl Parent {
    /// Makes a file of what the stream brings.
    pub(super) fn file<R: BufRead>(
        &self,
        name: &OsStr,
        path: &Path,
        member: &Member,
        stream: &mut TarStream<R>,
        modes: &mut Modes,
        interrupt: &Interrupt,
    ) -> Result<Made, LayerError> {
        let flags =
            OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mode = Mode::from_bits_truncate(member.mode & 0o777 | 0o600);
        let failed = |error: std::io::Error| LayerError::write(path, error);
        let opened = self.in_place(name, interrupt, || {
            openat(&self.directory, name, flags, mode)
        });
        let mut file = File::from(opened.map_err(|error| failed(error.into()))?);
        match &member.stretches {
            None => stream.copy(member.stored, |piece| file.write_all(piece).map_err(failed))?,
            Some(stretches) => {
                for stretch in stretches {
                    file.seek(SeekFrom::Start(stretch.offset)).map_err(failed)?;
                    stream.copy(stretch.length, |piece| {
                        file.write_all(piece).map_err(failed)
                    })?;
                }
                file.set_len(member.size).map_err(failed)?;
            }
        }
        modes
            .finish_reading(&file, mode)
            .map_err(|error| failed(error.into()))?;
        let _cosmetic = futimens(&file, &time(member.modified), &time(member.modified));
        Ok(Made::Something)
    }

    pub(super) fn symlink(
        &self,
        name: &OsStr,
        member: &Member,
        interrupt: &Interrupt,
    ) -> nix::Result<Made> {
        let target = OsStr::from_bytes(&member.link);
        self.in_place(name, interrupt, || symlinkat(target, &self.directory, name))?;
        set_time(&self.directory, name, member.modified);
        Ok(Made::Something)
    }

    pub(super) fn fifo(
        &self,
        name: &OsStr,
        member: &Member,
        interrupt: &Interrupt,
    ) -> nix::Result<Made> {
        let mode = Mode::from_bits_truncate(member.mode & 0o777 | 0o600);
        self.in_place(name, interrupt, || mkfifoat(&self.directory, name, mode))?;
        Ok(Made::Something)
    }

    /// Makes something under a name that may be taken: what is there is removed, never written to.
    pub(super) fn in_place<T>(
        &self,
        name: &OsStr,
        interrupt: &Interrupt,
        make: impl Fn() -> nix::Result<T>,
    ) -> nix::Result<T> {
        match make() {
            Err(Errno::EEXIST) => {
                self.remove(name, interrupt)?;
                make()
            }
            first => first,
        }
    }

    /// Removes what has that name, and all below it.
    pub(super) fn remove(&self, name: &OsStr, interrupt: &Interrupt) -> nix::Result<()> {
        let kept = &Kept::default();
        Removal { kept, interrupt }.remove(&self.directory, self.inode, name)
    }
}

/// Sets times where that is possible.
pub(super) fn set_time(directory: &OwnedFd, name: &OsStr, modified: i64) {
    let time = time(modified);
    let _cosmetic = utimensat(
        directory,
        name,
        &time,
        &time,
        UtimensatFlags::NoFollowSymlink,
    );
}

fn time(seconds: i64) -> TimeSpec {
    TimeSpec::new(seconds, 0)
}
