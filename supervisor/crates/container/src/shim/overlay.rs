//! What the shim sets up in a namespace that goes with it: an overlay over the container's ROOT; and what it puts there for
//! one run: links to what that shares.
//!
//! With an overlay nothing that a run changes in ROOT reaches the image: it goes to a directory of the run. Where the kernel
//! lets this process mount (root, or user namespaces), that is all the hygiene there has to be.

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    unistd::{Gid, Uid, fchdir, symlinkat},
};

use rootfs::{
    remove::remove_tree,
    root::{Missing, Resolver, Root},
};

/// What is set up before it is known what runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OverlayMount {
    /// The container's ROOT; empty where there is none.
    pub root: PathBuf,
    /// Where its changes go; none where they go to ROOT itself.
    pub changes: Option<PathBuf>,
}

/// What one run finds in ROOT.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunLinks {
    /// Where the command starts, as a path inside ROOT.
    pub directory: Option<PathBuf>,
    /// Paths of this machine that are to have a link to them in ROOT.
    pub links: Vec<PathBuf>,
}

impl OverlayMount {
    /// As words of the shim's command line.
    pub fn arguments(&self) -> [&OsStr; 2] {
        let changes = self.changes.as_deref().unwrap_or(Path::new(""));
        [self.root.as_os_str(), changes.as_os_str()]
    }

    /// From those words.
    pub fn parse([root, changes]: [&OsString; 2]) -> Self {
        Self {
            root: root.into(),
            changes: (!changes.is_empty()).then(|| changes.into()),
        }
    }

    /// ROOT, where only one run at a time is in it, as its changes go there; empty elsewhere.
    pub fn root_of_one_run(&self) -> &Path {
        match self.changes {
            None => &self.root,
            Some(_) => Path::new(""),
        }
    }

    /// Sets it up, for this process and its children.
    ///
    /// # Errors
    /// The operating system's, with what could not be done.
    pub fn set(&self) -> io::Result<()> {
        let Some(changes) = &self.changes else {
            return Ok(());
        };
        let mounted = overlay(&self.root, changes);
        named("mount an overlay over", &self.root, mounted)
    }

    /// Removes what a shim that is gone has left: an overlay cannot begin with that.
    pub fn clear(&self) {
        if let Some(changes) = &self.changes {
            remove_tree(changes);
        }
    }

    /// Puts there what one run needs.
    ///
    /// # Errors
    /// The operating system's, with what could not be done.
    pub fn apply(&self, run_links: &RunLinks) -> io::Result<()> {
        if *run_links == RunLinks::default() {
            return Ok(());
        }
        let root = Root::open(&self.root, Resolver::Kernel)?;
        for link in &run_links.links {
            named("link", link, make_link(&root, link))?;
        }
        if let Some(directory) = &run_links.directory {
            let inside = directory.strip_prefix("/").unwrap_or(directory);
            let entered = root.directory(inside, Missing::Fail).and_then(fchdir);
            named("enter the working directory", directory, entered)?;
        }
        Ok(())
    }
}

fn named(what: &str, path: &Path, result: nix::Result<()>) -> io::Result<()> {
    result.map_err(|error| {
        let error = io::Error::from(error);
        io::Error::new(
            error.kind(),
            format!("cannot {what} {}: {error}", path.display()),
        )
    })
}

/// A link in the image to the same path of this machine; what the image has there stays.
fn make_link(root: &Root, path: &Path) -> nix::Result<()> {
    let inside = path.strip_prefix("/").unwrap_or(path);
    let (Some(parent), Some(name)) = (inside.parent(), inside.file_name()) else {
        return Ok(());
    };
    let parent = root.directory(parent, Missing::Create)?;
    match symlinkat(path, &parent, name) {
        Err(Errno::EEXIST) | Ok(()) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Mounts an overlay over `root` that nobody but this process and its children sees.
fn overlay(root: &Path, changes: &Path) -> nix::Result<()> {
    let own_users = own_mounts()?;
    let (upper, work) = (changes.join("upper"), changes.join("work"));
    for directory in [&upper, &work] {
        fs::create_dir_all(directory).map_err(|error| errno(&error))?;
    }
    let mut options = OsString::from("lowerdir=");
    for (name, path) in [("", root), (",upperdir=", &upper), (",workdir=", &work)] {
        options.push(name);
        options.push(escaped(path));
    }
    if own_users == Users::Own {
        options.push(",userxattr");
    }
    // Nobody wants the changes after a crash: without this, the end of the mount waits for the disk (Linux 5.10).
    let mut volatile = options.clone();
    volatile.push(",volatile");
    let mount = |options: &OsStr| {
        mount(
            Some("overlay"),
            root,
            Some("overlay"),
            MsFlags::empty(),
            Some(options),
        )
    };
    mount(&volatile).or_else(|_older_kernel| mount(&options))
}

/// Whose users a mount belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Users {
    Host,
    Own,
}

/// A mount namespace of one's own; for those who may not have it, inside a user namespace in which they are who they are.
fn own_mounts() -> nix::Result<Users> {
    let (uid, gid) = (Uid::effective(), Gid::effective());
    let users = match unshare(CloneFlags::CLONE_NEWNS) {
        Ok(()) => Users::Host,
        Err(Errno::EPERM) => {
            unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)?;
            let write = |name, text: String| {
                fs::write(Path::new("/proc/self").join(name), text).map_err(|error| errno(&error))
            };
            write("setgroups", "deny".to_owned())?;
            write("uid_map", format!("{uid} {uid} 1"))?;
            write("gid_map", format!("{gid} {gid} 1"))?;
            Users::Own
        }
        Err(error) => return Err(error),
    };
    // What the machine unmounts goes here, too; what is mounted here stays here.
    let slave = MsFlags::MS_REC | MsFlags::MS_SLAVE;
    mount(None::<&str>, "/", None::<&str>, slave, None::<&str>)?;
    Ok(users)
}

fn errno(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

/// A path as a mount option takes it (overlayfs documentation, "Multiple lower layers").
fn escaped(path: &Path) -> OsString {
    let mut escaped = Vec::new();
    for &byte in path.as_os_str().as_bytes() {
        if matches!(byte, b'\\' | b',' | b':') {
            escaped.push(b'\\');
        }
        escaped.push(byte);
    }
    OsString::from_vec(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_goes_through_a_command_line() {
        let stage = OverlayMount {
            root: "/store/ROOT".into(),
            changes: Some("/tmp/changes".into()),
        };
        for stage in [stage, OverlayMount::default()] {
            let words = stage.arguments().map(OsStr::to_owned);
            assert_eq!(OverlayMount::parse([&words[0], &words[1]]), stage);
        }
    }

    #[test]
    fn option_separators_in_paths_are_escaped() {
        assert_eq!(
            escaped(Path::new("/a,b:c\\d")),
            OsString::from("/a\\,b\\:c\\\\d")
        );
    }
}
