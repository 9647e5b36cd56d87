//! What `udocker setup` does to a new container, for F1, P1 and P2.
//!
//! Files it writes beside ROOT: `execmode`, `root.path`, and in F modes `ld.so.path` (the loader, as a path inside the image)
//! and `ld.lib.dirs` (the directories on this machine that hold the image's libraries, with colons between). F modes also
//! make every absolute link point to the same place below ROOT, as the kernel follows links without asking the library.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs, io,
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt as _, symlink},
    },
    path::{Path, PathBuf},
};

use config::UdockerMode;
use rootfs::{Missing, Resolver, Root};

use super::libraries;
use crate::engine::{command::Family, document::document};
use rootfs::executable::{Program, inspect, resolve};

/// Where a program is looked for that tells the image's loader, as udocker does.
const PROGRAMS: [&str; 3] = ["/bin", "/usr/bin", "/lib64"];

/// Sets the container in `directory` up for `mode`. It must be new: no mode has been set up in it.
///
/// # Errors
/// The operating system's.
pub fn set_up(directory: &Path, mode: UdockerMode) -> io::Result<()> {
    let directory = directory.canonicalize()?;
    let root = directory.join("ROOT");
    // With the links as the image has them.
    make_working_directory(&directory, &root);
    if Family::of(mode) == Family::Preload {
        let mut walk = Walk::new(&root, Links::Convert);
        walk.tree(&root);
        fs::write(directory.join("ld.lib.dirs"), walk.joined())?;
        if let Some(loader) = loader(&root) {
            fs::write(directory.join("ld.so.path"), loader.as_os_str().as_bytes())?;
        }
    }
    fs::write(directory.join("root.path"), root.as_os_str().as_bytes())?;
    // Last: this is what makes it a container that has been set up.
    fs::write(directory.join("execmode"), mode.to_string())
}

/// The directories that hold the libraries of the container in `directory`.
pub(crate) fn library_directories(directory: &Path) -> Vec<PathBuf> {
    let Ok(list) = fs::read(directory.join("ld.lib.dirs")) else {
        let root = directory.join("ROOT");
        let mut walk = Walk::new(&root, Links::Keep);
        walk.tree(&root);
        return walk.libraries.into_iter().collect();
    };
    list.split(|&b| b == b':')
        .filter(|path| !path.is_empty())
        .map(|path| PathBuf::from(OsStr::from_bytes(path)))
        .collect()
}

/// `docker run` makes the image's working directory where it is missing; udocker refuses to start.
fn make_working_directory(directory: &Path, root: &Path) {
    let config = document(directory);
    let Some(path) = config.working_dir.as_deref() else {
        return;
    };
    let made = Root::open(root, Resolver::Kernel).and_then(|root| {
        let path = Path::new(path.trim_start_matches('/'));
        Ok(root.directory(path, Missing::Create)?)
    });
    if let Err(error) = made {
        tracing::debug!(%error, path, "cannot make the image's working directory");
    }
}

/// Makes what the container in `directory` finds in `/dev` where this machine's lacks it, see
/// [`crate::shim::devices::devices_instead_of_dev`]. After the set-up for an F mode, which would change the link.
///
/// An image may bring either, as a link, too.
pub fn make_devices(directory: &Path) {
    let root = &directory.join("ROOT");
    let made = Root::open(root, Resolver::Kernel).and_then(|opened| {
        opened.directory(Path::new("dev"), Missing::Create)?;
        if !is_directory_itself(&root.join("dev")) {
            return Ok(());
        }
        make_fd(&root.join("dev/fd"))?;
        let shm = root.join("dev/shm");
        match fs::create_dir(&shm) {
            Ok(()) => fs::set_permissions(shm, fs::Permissions::from_mode(0o1777)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
    });
    if let Err(error) = made {
        tracing::debug!(%error, "no /dev/shm or /dev/fd in the container");
    }
}

/// The link that the kernel follows to this machine's `/proc`, which is the container's; in place of one that the set-up for an F
/// mode has changed.
fn make_fd(link: &Path) -> io::Result<()> {
    let target = Path::new("/proc/self/fd");
    match fs::read_link(link) {
        Ok(there) if there == target => return Ok(()),
        Ok(there) if there.ends_with("proc/self/fd") => fs::remove_file(link)?,
        Ok(_) => return Ok(()),
        Err(_not_a_link) => {}
    }
    match symlink(target, link) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn is_directory_itself(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir())
}

/// The loader that the image's programs name.
fn loader(root: &Path) -> Option<PathBuf> {
    PROGRAMS.iter().find_map(|inside| {
        let directory = resolve(root, Path::new(inside))?;
        let entries = fs::read_dir(directory).ok()?;
        entries.flatten().find_map(|entry| {
            let path = Path::new(inside).join(entry.file_name());
            match inspect(&resolve(root, &path)?).ok()? {
                Program::Dynamic { loader, .. } => Some(loader),
                _ => None,
            }
        })
    })
}

/// What becomes of absolute links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Links {
    /// They point below ROOT from then on.
    Convert,
    /// They stay as they are.
    Keep,
}

/// Most bytes of the names of directories that hold libraries: several times what the loader can be given.
const MOST_LIBRARY_BYTES: usize = 1024 * 1024;

/// One walk through an image. Nothing of the container is running, so nothing changes meanwhile.
#[derive(Debug)]
struct Walk<'a> {
    root: &'a Path,
    links: Links,
    libraries: BTreeSet<PathBuf>,
    /// Bytes of the paths in `libraries`.
    library_bytes: usize,
}

impl<'a> Walk<'a> {
    fn new(root: &'a Path, links: Links) -> Self {
        Self {
            root,
            links,
            libraries: BTreeSet::new(),
            library_bytes: 0,
        }
    }

    /// Directories that cannot be read are passed over, as programs will not get at them either. Each level is read as it is
    /// walked, so that memory grows with the depth alone.
    fn tree(&mut self, top: &Path) {
        let open = |directory: PathBuf| fs::read_dir(&directory).ok().map(|read| (directory, read));
        let mut levels: Vec<_> = open(top.to_owned()).into_iter().collect();
        while let Some((directory, read)) = levels.last_mut() {
            let Some(entry) = read.next() else {
                levels.pop();
                continue;
            };
            let Ok((kind, entry)) = entry.and_then(|entry| Ok((entry.file_type()?, entry))) else {
                continue;
            };
            let path = entry.path();
            if kind.is_symlink() && self.links == Links::Convert {
                self.convert(&path);
            }
            if kind.is_dir() {
                levels.extend(open(path));
            } else if libraries::is_library(&entry.file_name()) && path.is_file() {
                let directory = directory.clone();
                self.note(directory);
            }
        }
    }

    /// Notes a directory that holds a library, as long as the loader could be given its name.
    fn note(&mut self, directory: PathBuf) {
        let bytes = directory.as_os_str().len();
        if self.library_bytes <= MOST_LIBRARY_BYTES && self.libraries.insert(directory) {
            self.library_bytes += bytes;
        }
    }

    fn convert(&self, link: &Path) {
        let converted = fs::read_link(link).and_then(|target| {
            let Ok(inside) = target.strip_prefix("/") else {
                return Ok(());
            };
            if target.starts_with(self.root) {
                return Ok(());
            }
            fs::remove_file(link)?;
            symlink(self.root.join(inside), link)
        });
        if let Err(error) = converted {
            tracing::debug!(%error, path = %link.display(), "cannot convert a link");
        }
    }

    fn joined(&self) -> Vec<u8> {
        let paths = self
            .libraries
            .iter()
            .map(|path| path.as_os_str().as_bytes());
        paths.collect::<Vec<_>>().join(&b':')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_libraries_and_the_loader() {
        let dir = tempfile::tempdir().unwrap();
        let directory = dir.path().canonicalize().unwrap();
        let root = directory.join("ROOT");
        for path in ["bin", "opt/app", "usr/lib/private"] {
            fs::create_dir_all(root.join(path)).unwrap();
        }
        let config = r#"{"config": {"WorkingDir": "/srv/work"}}"#;
        fs::write(directory.join("container.json"), config).unwrap();
        fs::copy("/bin/sh", root.join("opt/app/sh")).unwrap();
        fs::write(root.join("usr/lib/private/libx.so.1"), "").unwrap();
        symlink("/opt/app/sh", root.join("bin/sh")).unwrap();
        symlink("../opt/app/sh", root.join("bin/ash")).unwrap();
        symlink("/nowhere", root.join("bin/broken")).unwrap();
        fs::create_dir(root.join("dev")).unwrap();
        symlink("/proc/self/fd", root.join("dev/fd")).unwrap();
        set_up(&directory, UdockerMode::F1).unwrap();
        make_devices(&directory);
        let target = |path: &str| fs::read_link(root.join(path)).unwrap();
        assert_eq!(target("bin/sh"), root.join("opt/app/sh"));
        assert_eq!(target("bin/ash"), Path::new("../opt/app/sh"));
        assert_eq!(target("bin/broken"), root.join("nowhere"));
        assert!(root.join("srv/work").is_dir());
        assert_eq!(target("dev/fd"), Path::new("/proc/self/fd"));
        let shm = fs::metadata(root.join("dev/shm")).unwrap();
        assert_eq!(shm.permissions().mode() & 0o7777, 0o1777);
        let text = |name: &str| fs::read_to_string(directory.join(name)).unwrap();
        assert_eq!(text("execmode"), "F1");
        assert_eq!(text("root.path"), root.display().to_string());
        let private = root.join("usr/lib/private");
        assert_eq!(text("ld.lib.dirs"), private.display().to_string());
        assert_eq!(library_directories(&directory), [private]);
        assert!(
            text("ld.so.path").starts_with("/lib"),
            "{}",
            text("ld.so.path")
        );
    }

    #[test]
    fn p_modes_leave_the_image_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("ROOT")).unwrap();
        symlink("/opt", dir.path().join("ROOT/link")).unwrap();
        set_up(dir.path(), UdockerMode::P1).unwrap();
        let target = fs::read_link(dir.path().join("ROOT/link")).unwrap();
        assert_eq!(target, Path::new("/opt"));
        assert_eq!(
            fs::read_to_string(dir.path().join("execmode")).unwrap(),
            "P1"
        );
        assert!(!dir.path().join("ld.so.path").exists());
    }
}
