//! Directories below a root that no path leads out of, whatever links a layer has put on the way.
//!
//! A path without links is opened by the kernel in one step, which refuses links and stays below the root
//! (`openat2(2)` with `RESOLVE_IN_ROOT` and `RESOLVE_NO_SYMLINKS`, Linux 5.6). A path with links, and every path on a
//! kernel that cannot do this, is walked one component at a time: nothing is ever followed but by this module, which
//! reads a link's target and goes on from the root. A link can so lead anywhere inside, and nowhere else.

use std::{
    cell::Cell,
    ffi::{OsStr, OsString},
    os::fd::OwnedFd,
    path::{Component, Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, open, openat, openat2, readlinkat},
    sys::stat::{Mode, fstatat, mkdirat},
};

/// Deepest directory a layer may make, in components. Each takes a file descriptor while it is walked to or removed,
/// and a function has 1,024 of them.
pub const DEEPEST: usize = 256;
/// Links followed on one path, as many as the kernel follows (`path_resolution(7)`).
const MOST_LINKS: usize = 40;
/// Directories that no entry of the layer describes.
const IMPLIED_MODE: Mode = Mode::from_bits_truncate(0o755);

/// Who finds the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolver {
    /// The kernel where it can, else this module.
    Kernel,
    /// Always this module.
    Walk,
}

/// What becomes of a directory on the way that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// It is made.
    Create,
    /// The path cannot be opened.
    Fail,
}

/// A directory that stands for `/`.
#[derive(Debug)]
pub struct Root {
    path: PathBuf,
    directory: OwnedFd,
    resolver: Cell<Resolver>,
}

impl Root {
    /// Opens the directory `path`.
    ///
    /// # Errors
    /// The operating system's.
    pub fn open(path: &Path, resolver: Resolver) -> std::io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            directory: open(path, directory_flags(), Mode::empty())?,
            resolver: Cell::new(resolver),
        })
    }

    /// Opens the directory that `path` leads to from the root; for use in other calls, not for reading.
    pub fn directory(&self, path: &Path, missing: Missing) -> nix::Result<OwnedFd> {
        if path.as_os_str().is_empty() {
            return duplicate(&self.directory);
        }
        if self.resolver.get() == Resolver::Kernel {
            let how = OpenHow::new()
                .flags(directory_flags())
                .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_SYMLINKS);
            match openat2(&self.directory, path, how) {
                Ok(directory) => return Ok(directory),
                // An old kernel, or a sandbox that knows no such call.
                Err(Errno::ENOSYS | Errno::EPERM) => self.resolver.set(Resolver::Walk),
                // Something is missing or a link, or something else changed a name at the same time.
                Err(_) => {}
            }
        }
        self.walk(path, missing)
    }

    fn walk(&self, path: &Path, missing: Missing) -> nix::Result<OwnedFd> {
        let mut todo = Vec::new();
        let mut opened: Vec<OwnedFd> = Vec::new();
        let mut links = 0;
        push(&mut todo, path);
        while let Some(name) = todo.pop() {
            if name == ".." {
                opened.pop();
                continue;
            }
            let at = opened.last().unwrap_or(&self.directory);
            match open_directory(at, &name) {
                Ok(directory) => opened.push(directory),
                Err(Errno::ENOENT) if missing == Missing::Create => {
                    mkdirat(at, name.as_os_str(), IMPLIED_MODE)?;
                    let directory = open_directory(at, &name)?;
                    opened.push(directory);
                }
                Err(Errno::ENOTDIR | Errno::ELOOP) => {
                    let target = link_target(at, &name)?;
                    links += 1;
                    if links > MOST_LINKS {
                        return Err(Errno::ELOOP);
                    }
                    let target = Path::new(&target);
                    if target.is_absolute() {
                        opened.clear();
                    }
                    push(&mut todo, &self.without_own_path(target));
                }
                Err(error) => return Err(error),
            }
            if opened.len() > DEEPEST {
                return Err(Errno::ENAMETOOLONG);
            }
        }
        match opened.pop() {
            Some(directory) => Ok(directory),
            None => duplicate(&self.directory),
        }
    }
}

impl Root {
    /// Once a container is set up for an F mode, its absolute links begin with the root's own path on this machine: for those
    /// who do not ask the engine.
    fn without_own_path(&self, target: &Path) -> PathBuf {
        if !target.is_absolute() {
            return target.to_owned();
        }
        let own = |path: &Path| target.strip_prefix(path).ok().map(Path::to_owned);
        let found = own(&self.path).or_else(|| own(&self.path.canonicalize().ok()?));
        found.unwrap_or_else(|| target.to_owned())
    }
}

fn directory_flags() -> OFlag {
    OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC
}

fn open_directory(at: &OwnedFd, name: &OsStr) -> nix::Result<OwnedFd> {
    openat(at, name, directory_flags(), Mode::empty())
}

fn duplicate(directory: &OwnedFd) -> nix::Result<OwnedFd> {
    open_directory(directory, OsStr::new("."))
}

/// What the link points to; of anything else, that it is no directory.
fn link_target(at: &OwnedFd, name: &OsStr) -> nix::Result<OsString> {
    readlinkat(at, name).map_err(|error| match error {
        Errno::EINVAL => Errno::ENOTDIR,
        other => other,
    })
}

/// Puts the components of `path` on the stack, the first on top.
fn push(todo: &mut Vec<OsString>, path: &Path) {
    for component in path.components().rev() {
        match component {
            Component::Normal(name) => todo.push(name.to_owned()),
            Component::ParentDir => todo.push("..".into()),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
}

/// Whether there is a directory of that name, not a link to one.
pub fn is_directory(at: &OwnedFd, name: &OsStr) -> nix::Result<bool> {
    let stat = fstatat(at, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
    let kind = nix::sys::stat::SFlag::from_bits_truncate(stat.st_mode);
    Ok(kind & nix::sys::stat::SFlag::S_IFMT == nix::sys::stat::SFlag::S_IFDIR)
}
