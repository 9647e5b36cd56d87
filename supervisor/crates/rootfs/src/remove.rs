//! Removes what a container has left, however deep it is and whatever its modes are.
//!
//! A tree is flattened from the top: a directory in a directory of the tree moves up to the top and is removed there. So any
//! depth takes three descriptors and no stack. No link is followed.

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use nix::{
    dir::Type,
    errno::Errno,
    fcntl::{AT_FDCWD, OFlag, openat, renameat},
    sys::stat::{FchmodatFlags, Mode, fchmodat},
    unistd::{UnlinkatFlags, unlinkat},
};

use crate::{entries::each_entry, root::is_directory};

/// Removes a file, a link itself, or a directory as [`remove_tree`] does. A path where nothing is, is no error.
///
/// # Errors
/// The operating system's, from looking at `path` or removing a file. A directory of which something is left is none.
pub fn remove_any(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => {
            remove_tree(path);
            Ok(())
        }
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Removes a directory that a container may have written to, as far as that is possible. No process may write to it meanwhile.
pub fn remove_tree(path: &Path) {
    // Its presence says what could not be removed to whoever must know.
    let _as_far_as_possible = remove(path);
}

fn remove(path: &Path) -> io::Result<()> {
    let top = open_directory(AT_FDCWD, path.as_os_str())?;
    let mut flattening = Flattening { top, next: 0 };
    while flattening.pass()? == Progress::Some {}
    drop(flattening);
    fs::remove_dir(path)
}

/// Whether one pass through the top removed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Some,
    None,
}

/// A tree that is being removed.
#[derive(Debug)]
struct Flattening {
    top: OwnedFd,
    /// The next name for a directory that moves up.
    next: u64,
}

impl Flattening {
    /// Removes what is in the top. What moved up meanwhile may have to wait for the next pass.
    fn pass(&mut self) -> io::Result<Progress> {
        let mut progress = Progress::None;
        each(&self.top.try_clone()?, |name, kind| {
            let removed = match kind {
                Kind::Directory => self.remove_directory(name),
                Kind::Other => unlinkat(&self.top, name, UnlinkatFlags::NoRemoveDir),
            };
            // Something is mounted there, or it is another user's: the rest goes all the same.
            if removed.is_ok() {
                progress = Progress::Some;
            }
        })?;
        Ok(progress)
    }

    fn remove_directory(&mut self, name: &OsStr) -> nix::Result<()> {
        match unlinkat(&self.top, name, UnlinkatFlags::RemoveDir) {
            Err(Errno::ENOTEMPTY | Errno::EEXIST) => {}
            done => return done,
        }
        let opened = open_directory(&self.top, name)?;
        each(&opened, |inner, kind| {
            let _next_pass_tries_again = match kind {
                Kind::Directory => self.move_up(&opened, inner),
                Kind::Other => unlinkat(&opened, inner, UnlinkatFlags::NoRemoveDir),
            };
        })?;
        unlinkat(&self.top, name, UnlinkatFlags::RemoveDir)
    }

    fn move_up(&mut self, from: &OwnedFd, name: &OsStr) -> nix::Result<()> {
        if unlinkat(from, name, UnlinkatFlags::RemoveDir).is_ok() {
            return Ok(());
        }
        loop {
            let new = OsString::from(self.next.to_string());
            self.next += 1;
            match renameat(from, name, &self.top, new.as_os_str()) {
                // The name is taken.
                Err(Errno::ENOTEMPTY | Errno::EEXIST | Errno::ENOTDIR) => {}
                // To move, a directory must be writable: its own ".." changes.
                Err(Errno::EACCES) => {
                    make_accessible(from, name)?;
                    return renameat(from, name, &self.top, new.as_os_str());
                }
                done => return done,
            }
        }
    }
}

/// What is removed in one way or the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Directory,
    Other,
}

/// Shows each entry; entries may be removed, renamed and added meanwhile.
fn each(directory: &OwnedFd, mut show: impl FnMut(&OsStr, Kind)) -> nix::Result<()> {
    each_entry(
        open_directory(directory, OsStr::new("."))?,
        |name, entry| {
            let kind = match entry.file_type() {
                Some(Type::Directory) => Kind::Directory,
                None if is_directory(directory, name).unwrap_or(false) => Kind::Directory,
                Some(_) | None => Kind::Other,
            };
            show(name, kind);
            Ok(())
        },
    )
}

/// Opens a directory to empty it, whatever its mode is.
fn open_directory(at: impl AsFd, name: &OsStr) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let opened = match openat(&at, name, flags, Mode::empty()) {
        Err(Errno::EACCES) => {
            make_accessible(&at, name)?;
            openat(&at, name, flags, Mode::empty())?
        }
        opened => opened?,
    };
    // What may be read need not be writable. A mode that cannot be changed shows in what cannot be removed.
    let _another_users = nix::sys::stat::fchmod(&opened, Mode::S_IRWXU);
    Ok(opened)
}

fn make_accessible(at: impl AsFd, name: &OsStr) -> nix::Result<()> {
    fchmodat(at, name, Mode::S_IRWXU, FchmodatFlags::NoFollowSymlink)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use nix::sys::{
        resource::{Resource, getrlimit, setrlimit},
        stat::mkdirat,
    };

    use super::*;

    #[test]
    fn a_link_is_removed_and_not_what_it_leads_to() {
        let temp = tempfile::tempdir().unwrap();
        let at = |name: &str| temp.path().join(name);
        fs::create_dir_all(at("tree/deep")).unwrap();
        fs::write(at("tree/deep/file"), "x").unwrap();
        symlink(at("tree"), at("link")).unwrap();
        remove_any(&at("link")).unwrap();
        assert!(at("link").symlink_metadata().is_err() && at("tree/deep/file").exists());
        for name in ["tree/deep/file", "tree", "absent"] {
            remove_any(&at(name)).unwrap();
            assert!(!at(name).exists(), "{name}");
        }
    }

    #[test]
    fn a_tree_deeper_than_there_are_descriptors_goes() {
        let parent = tempfile::tempdir().unwrap();
        let tree = parent.path().join("tree");
        fs::create_dir(&tree).unwrap();
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        let mut at = open_directory(AT_FDCWD, tree.as_os_str()).unwrap();
        for _ in 0..5_000 {
            mkdirat(&at, "d", Mode::S_IRWXU).unwrap();
            // Names that a directory which moves up would get.
            for name in ["0", "1"] {
                let file = openat(&at, name, OFlag::O_CREAT | OFlag::O_WRONLY, Mode::S_IRUSR);
                drop(file.unwrap());
            }
            at = open_directory(&at, "d".as_ref()).unwrap();
        }
        drop(at);
        // Other tests of this process need some.
        setrlimit(Resource::RLIMIT_NOFILE, soft.min(256), hard).unwrap();
        // A stack that a function for each level does not fit.
        let thread = std::thread::Builder::new().stack_size(128 << 10);
        let removed = thread.spawn(move || remove_tree(&tree)).unwrap().join();
        setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
        assert!(removed.is_ok());
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn neither_modes_nor_links_are_in_the_way() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("precious"), "").unwrap();
        let parent = tempfile::tempdir().unwrap();
        let tree = parent.path().join("tree");
        fs::create_dir_all(tree.join("a/b/c")).unwrap();
        fs::create_dir_all(tree.join("0/1/2")).unwrap();
        fs::write(tree.join("a/b/c/file"), "").unwrap();
        symlink(outside.path(), tree.join("a/link")).unwrap();
        symlink(outside.path(), tree.join("a/b/c/link")).unwrap();
        for path in ["a/b/c", "a/b", "a", "0", ""] {
            let closed = fs::Permissions::from_mode(0o000);
            fs::set_permissions(tree.join(path), closed).unwrap();
        }
        remove_tree(&tree);
        assert!(!tree.exists());
        assert!(outside.path().join("precious").exists());
        remove_tree(&tree);
    }
}
