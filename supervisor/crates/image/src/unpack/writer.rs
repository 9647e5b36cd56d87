//! Writes the members of one layer.

mod modes;
mod parent;

use std::{
    ffi::OsStr,
    io::BufRead,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{AtFlags, OFlag, openat},
    sys::stat::{Mode, fchmod, fstat, fstatat, mkdirat},
};

use self::{
    modes::Modes,
    parent::{Made, Parent, set_time},
};
use super::{
    LayerError,
    hard_link::hard_link,
    member::{Kind, Member, path_of},
    removal::{Kept, MOST_NAMES, Removal},
    tar_stream::TarStream,
};
use crate::interrupt::Interrupt;
use rootfs::{Missing, Root, root::is_directory};

/// A file of this name says that the file named by the rest is gone.
const WHITEOUT: &[u8] = b".wh.";
/// A file of this name says that nothing of the directory's earlier content is left.
const OPAQUE: &[u8] = b".wh..wh..opq";
/// Other names with this beginning are AUFS's own, not the image's.
const META: &[u8] = b".wh..wh.";
/// Most directories whose times are set at the end of a layer, and most bytes of their paths. The times of others are those
/// of the unpacking.
const MOST_TIMES: usize = 65_536;
const MOST_TIME_BYTES: usize = 8 * 1024 * 1024;

/// What applying one layer has to remember.
pub(crate) struct Writer<'a> {
    root: &'a Root,
    interrupt: &'a Interrupt,
    /// The directory that the last member went to.
    parent: Option<Parent>,
    /// What this layer has made: whiteouts are about what was there before.
    made: Kept,
    /// Whether `made` lacks names because there was no room.
    made_overflows: bool,
    /// What this layer has whited out: what is there now is its own.
    whited_out: Kept,
    /// Times of directories, which change with every file made in them.
    times: Vec<(PathBuf, i64)>,
    /// Bytes of the paths in `times`.
    time_bytes: usize,
    modes: Modes,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(root: &'a Root, interrupt: &'a Interrupt) -> Self {
        Self {
            root,
            interrupt,
            parent: None,
            made: Kept::default(),
            made_overflows: false,
            whited_out: Kept::default(),
            times: Vec::new(),
            time_bytes: 0,
            modes: Modes::default(),
        }
    }

    /// Makes what `member` describes at `path`.
    pub(crate) fn apply<R: BufRead>(
        &mut self,
        member: &Member,
        path: &Path,
        stream: &mut TarStream<R>,
    ) -> Result<(), LayerError> {
        let Some(name) = path.file_name() else {
            // The root itself, which is there.
            return Ok(());
        };
        let failed = |error: Errno| LayerError::write(path, error);
        let parent = self.open_parent(path).map_err(failed)?;
        let made = match member.kind {
            _ if name.as_bytes().starts_with(WHITEOUT) => {
                if self.made_overflows {
                    return Err(LayerError::TooManyNames { most: MOST_NAMES });
                }
                let done = self.white_out(&parent, name);
                self.parent = None;
                return done.map_err(failed);
            }
            Kind::File => {
                parent.file(name, path, member, stream, &mut self.modes, self.interrupt)?
            }
            Kind::Directory => self
                .directory(&parent, name, path, member)
                .map_err(failed)?,
            Kind::Symlink => parent
                .symlink(name, member, self.interrupt)
                .map_err(failed)?,
            Kind::HardLink => self.hard_link(&parent, name, member, path)?,
            Kind::Fifo => parent.fifo(name, member, self.interrupt).map_err(failed)?,
            Kind::Device | Kind::Other => {
                tracing::debug!(path = %path.display(), kind = ?member.kind, "not unpacked");
                Made::Nothing
            }
        };
        if made == Made::Something {
            self.made_overflows |= !self.made.add(parent.inode, name);
        }
        self.parent.get_or_insert(parent);
        Ok(())
    }

    /// Sets the times of directories. A time that cannot be set is no error.
    pub(crate) fn finish(self) {
        for (path, modified) in self.times.iter().rev() {
            if self.interrupt.is_set() {
                return;
            }
            let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
                continue;
            };
            if let Ok(directory) = self.root.directory(parent, Missing::Fail) {
                set_time(&directory, name, *modified);
            }
        }
    }

    fn open_parent(&mut self, path: &Path) -> nix::Result<Parent> {
        let wanted = path.parent().unwrap_or(Path::new(""));
        if let Some(parent) = self.parent.take()
            && parent.path == wanted
        {
            return Ok(parent);
        }
        let directory = self.root.directory(wanted, Missing::Create)?;
        let inode = fstat(&directory)?.st_ino;
        Ok(Parent {
            path: wanted.to_owned(),
            directory,
            inode,
        })
    }

    fn white_out(&mut self, parent: &Parent, name: &OsStr) -> nix::Result<()> {
        // What a second whiteout of the same name finds, this layer has made.
        if self.whited_out.has(parent.inode, name) {
            return Ok(());
        }
        let bytes = name.as_bytes();
        let removal = Removal {
            kept: &self.made,
            interrupt: self.interrupt,
        };
        if bytes == OPAQUE {
            removal.empty(&parent.directory, OsStr::new("."))?;
        } else {
            let gone = OsStr::from_bytes(&bytes[WHITEOUT.len()..]);
            if bytes.starts_with(META) || matches!(gone.as_bytes(), b"" | b"." | b"..") {
                return Ok(());
            }
            removal.remove(&parent.directory, parent.inode, gone)?;
        }
        // One that finds no room is carried out again.
        self.whited_out.add(parent.inode, name);
        Ok(())
    }

    fn directory(
        &mut self,
        parent: &Parent,
        name: &OsStr,
        path: &Path,
        member: &Member,
    ) -> nix::Result<Made> {
        match mkdirat(&parent.directory, name, Mode::S_IRWXU) {
            Err(Errno::EEXIST) if is_directory(&parent.directory, name)? => {}
            Err(Errno::EEXIST) => {
                parent.remove(name, self.interrupt)?;
                mkdirat(&parent.directory, name, Mode::S_IRWXU)?;
            }
            made => made?,
        }
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let directory = openat(&parent.directory, name, flags, Mode::empty())?;
        fchmod(
            &directory,
            Mode::from_bits_truncate(member.mode & 0o1777 | 0o700),
        )?;
        let bytes = self.time_bytes + path.as_os_str().len();
        if self.times.len() < MOST_TIMES && bytes <= MOST_TIME_BYTES {
            self.time_bytes = bytes;
            self.times.push((path.to_owned(), member.modified));
        }
        Ok(Made::Something)
    }

    /// The target's directory is found like any other; its last component is not followed.
    fn hard_link(
        &self,
        parent: &Parent,
        name: &OsStr,
        member: &Member,
        path: &Path,
    ) -> Result<Made, LayerError> {
        let target = path_of(&member.link)?;
        let of_target = |error: Errno| {
            let target = String::from_utf8_lossy(&member.link);
            let text = format!("linking to {target}: {}", error.desc());
            LayerError::write(path, std::io::Error::other(text))
        };
        let Some(target_name) = target.file_name() else {
            return Err(of_target(Errno::EISDIR));
        };
        let directory = target.parent().unwrap_or(Path::new(""));
        let directory = self
            .root
            .directory(directory, Missing::Fail)
            .map_err(of_target)?;
        let same = AtFlags::AT_SYMLINK_NOFOLLOW;
        let source = fstatat(&directory, target_name, same).map_err(of_target)?;
        if fstatat(&parent.directory, name, same)
            .is_ok_and(|old| (old.st_dev, old.st_ino) == (source.st_dev, source.st_ino))
        {
            return Ok(Made::Something);
        }
        parent
            .in_place(name, self.interrupt, || {
                hard_link(&directory, target_name, &parent.directory, name)
            })
            .map_err(of_target)?;
        Ok(Made::Something)
    }
}
