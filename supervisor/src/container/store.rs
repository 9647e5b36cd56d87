//! What the supervisor reads of udocker's store, and the little it keeps beside it.
//!
//! Layout (udocker 1.3.17): `repos/<name>/<tag>/TAG`, `containers/<uuid>/{ROOT,container.json,
//! execmode}`, and names as symbolic links `containers/<name>`. Beside it `faas-supervisor/`
//! holds a lock and, for each container that was prepared to the end, a marker: a preparation that
//! was interrupted has none and is done again.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::{image::StoreName, workspace::remove_tree};

use super::{ImageSource, settings::UdockerSettings};

/// How often a preparation that another process holds the lock for is looked at again.
const LOCK_POLL: Duration = Duration::from_millis(25);

/// What a note begins with that says what the container's directory is called.
const CALLED: &str = "+";

/// How a container that is being created is told from others.
#[derive(Debug, Clone, Copy)]
pub enum New<'a> {
    /// This is what its directory will be called.
    Called(&'a str),
    /// Its directory is none of those that are there already: udocker chooses the name.
    NotAmong(&'a BTreeSet<PathBuf>),
}

/// Paths in one udocker store.
#[derive(Debug, Clone)]
pub struct Store {
    own: PathBuf,
    containers: PathBuf,
    repos: PathBuf,
}

impl Store {
    /// The store that `settings` name.
    pub fn new(settings: &UdockerSettings) -> Self {
        Self {
            own: settings.store.join("faas-supervisor"),
            containers: settings.containers.clone(),
            repos: settings.repos.clone(),
        }
    }

    /// The container of that name; udocker's link is followed.
    pub fn container(&self, name: &str) -> Option<PathBuf> {
        let dir = self.containers.join(name).canonicalize().ok()?;
        dir.join("ROOT").is_dir().then_some(dir)
    }

    /// Whether the store has the image of that name, completely.
    pub fn has_image(&self, image: &str) -> bool {
        let name = StoreName::of(image);
        let directory = self.repos.join(name.repository).join(name.tag);
        directory.join("TAG").is_file()
    }

    /// Whether anything is known under that name, complete or not.
    pub fn has_repo(&self, image: &str) -> bool {
        self.repos.join(StoreName::of(image).repository).exists()
    }

    /// Container directories, to find what a failed `create` left.
    pub fn container_dirs(&self) -> BTreeSet<PathBuf> {
        let entries = fs::read_dir(&self.containers).into_iter().flatten();
        entries
            .flatten()
            .filter(|e| e.file_type().is_ok_and(|t| t.is_dir()))
            .map(|e| e.path())
            .collect()
    }

    /// Whether the container was prepared to the end.
    pub fn is_ready(&self, name: &str) -> bool {
        self.own.join(name).is_file() && self.container(name).is_some()
    }

    /// Notes that the container was prepared to the end.
    ///
    /// # Errors
    /// The operating system's.
    pub fn set_ready(&self, name: &str) -> io::Result<()> {
        fs::write(self.own.join(name), b"")
    }

    /// Takes the note back, before the container is touched.
    pub fn clear_ready(&self, name: &str) {
        let _absent = fs::remove_file(self.own.join(name));
    }

    /// Waits for the container, shared or not as `how` says; it is in use until the lock is dropped.
    ///
    /// # Errors
    /// The operating system's.
    pub async fn lock_container(&self, name: &str, how: FlockArg) -> io::Result<Flock<File>> {
        wait_for(File::open(self.own.join(name))?, how).await
    }

    /// Removes a container and its name, as far as they are there.
    ///
    /// # Errors
    /// The operating system's.
    pub fn remove_container(&self, name: &str) -> io::Result<()> {
        let link = self.containers.join(name);
        if let Ok(directory) = link.canonicalize()
            && directory.parent() == self.containers.canonicalize().ok().as_deref()
        {
            remove_tree(&directory);
            if directory.exists() {
                fs::remove_dir_all(directory)?;
            }
        }
        fs::remove_file(link)
    }

    /// Whether udocker knows a container of that name, complete or not.
    pub fn has_name(&self, name: &str) -> bool {
        self.containers.join(name).symlink_metadata().is_ok()
    }

    /// Notes of which image a container is created, and how it is told from others.
    ///
    /// # Errors
    /// The operating system's.
    pub fn begin_creating(&self, reference: &str, new: &New<'_>) -> io::Result<()> {
        let marks: Vec<String> = match new {
            New::Called(name) => vec![format!("{CALLED}{name}")],
            New::NotAmong(before) => before
                .iter()
                .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
                .collect(),
        };
        let lines: Vec<String> = [reference.to_owned()].into_iter().chain(marks).collect();
        // Half a note would say that containers of others are new.
        let mut note = NamedTempFile::new_in(&self.own)?;
        note.write_all(lines.join("\n").as_bytes())?;
        note.persist(self.creating())?;
        Ok(())
    }

    /// Takes the note back. Unless the creation was complete, what it left goes: a container that is the noted one or was
    /// not there before, has no name and is of the same image. Anything else is not ours.
    pub fn end_creating(&self, complete: bool) {
        let Ok(note) = fs::read_to_string(self.creating()) else {
            return;
        };
        if !complete {
            let mut lines = note.lines();
            let reference = lines.next().unwrap_or_default();
            let marks: BTreeSet<&str> = lines.collect();
            let called = marks.iter().find_map(|mark| mark.strip_prefix(CALLED));
            for directory in self.container_dirs() {
                let name = directory.file_name().and_then(|n| n.to_str()).unwrap_or("");
                let is_new = called.map_or(!marks.contains(name), |called| called == name);
                if is_new && self.is_left_over(&directory, reference) {
                    tracing::info!(path = %directory.display(), "removing an unfinished container");
                    remove_tree(&directory);
                }
            }
        }
        let _absent = fs::remove_file(self.creating());
    }

    fn is_left_over(&self, directory: &Path, reference: &str) -> bool {
        let named = fs::read_dir(&self.containers)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| fs::read_link(entry.path()).ok())
            .any(|target| target.file_name() == directory.file_name());
        let StoreName { repository, tag } = StoreName::of(reference);
        let image = fs::read_to_string(directory.join("imagerepo.name"));
        // Whoever is killed between making that file and writing it leaves it empty.
        let is_ours = |image: String| {
            let image = image.trim();
            image.is_empty() || image == format!("{repository}:{tag}")
        };
        !named && image.map_or(true, is_ours)
    }

    fn creating(&self) -> PathBuf {
        self.own.join("creating")
    }

    /// The container all to itself, if nothing else uses it right now.
    pub fn own_container(&self, name: &str) -> Option<Flock<File>> {
        let file = File::open(self.own.join(name)).ok()?;
        Flock::lock(file, FlockArg::LockExclusiveNonblock).ok()
    }

    /// Where the journal of that container is.
    pub fn journal(&self, name: &str) -> PathBuf {
        self.own.join(format!("{name}.journal"))
    }

    /// A container for this process alone, as long as it holds the lock: the one of that name, or, where another process
    /// has that, one named after it.
    ///
    /// # Errors
    /// The operating system's.
    pub fn claim(&self, name: &str) -> io::Result<(String, Option<Flock<File>>)> {
        let mut number = 0_u32;
        loop {
            let name = match number {
                0 => name.to_owned(),
                number => format!("{name}-p{number}"),
            };
            let path = self.own.join(format!("{name}.lock"));
            let file = File::create(path)?;
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => return Ok((name, Some(lock))),
                Err((_, nix::errno::Errno::EWOULDBLOCK)) => number += 1,
                Err((_, error)) => return Err(error.into()),
            }
        }
    }

    /// Waits for the store's lock; several supervisors may share one store.
    ///
    /// # Errors
    /// The operating system's, from making the lock file.
    pub async fn lock(&self) -> io::Result<Flock<File>> {
        fs::create_dir_all(&self.own)?;
        let path = self.own.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)?;
        wait_for(file, FlockArg::LockExclusiveNonblock).await
    }
}

/// A blocking `flock` would hold up the whole thread.
async fn wait_for(mut file: File, how: FlockArg) -> io::Result<Flock<File>> {
    loop {
        match Flock::lock(file, how) {
            Ok(lock) => return Ok(lock),
            Err((unlocked, nix::errno::Errno::EWOULDBLOCK)) => file = unlocked,
            Err((_, error)) => return Err(error.into()),
        }
        tokio::time::sleep(LOCK_POLL).await;
    }
}

/// The name of the container made from `image` for `mode`: the same inputs, the same name.
///
/// # Errors
/// The operating system's, when an archive cannot be looked at.
pub fn container_name(image: &ImageSource, mode: &str) -> io::Result<String> {
    use std::os::unix::fs::MetadataExt;
    let identity = match image {
        ImageSource::Registry(name) => name.clone(),
        ImageSource::Archive(path) => {
            let path = path.canonicalize()?;
            let meta = fs::metadata(&path)?;
            format!(
                "{}\0{}\0{}.{}",
                path.display(),
                meta.len(),
                meta.mtime(),
                meta.mtime_nsec()
            )
        }
    };
    let digest = Sha256::digest(format!("{identity}\0{mode}"));
    let prefix = digest[..8]
        .iter()
        .fold(0_u64, |n, &b| n << 8 | u64::from(b));
    Ok(format!("faas-{prefix:016x}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_left_of_one_image_goes_when_another_is_prepared() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store {
            own: directory.path().join("own"),
            containers: directory.path().join("containers"),
            repos: directory.path().join("repos"),
        };
        fs::create_dir_all(&store.own).unwrap();
        let container = |id: &str, image: &str| {
            let container = store.containers.join(id);
            fs::create_dir_all(container.join("ROOT")).unwrap();
            fs::write(container.join("imagerepo.name"), image).unwrap();
            container
        };
        let before = container("before", "team/a:1");
        let others = BTreeSet::from([before.clone()]);
        let noted = New::NotAmong(&others);
        store.begin_creating("team/a:1", &noted).unwrap();
        let left = container("left", "team/a:1");
        let closed = fs::Permissions::from_mode(0o555);
        fs::set_permissions(left.join("ROOT"), closed).unwrap();
        let elsewhere = container("elsewhere", "team/b:1");
        let barely_begun = container("barely", "");
        store.end_creating(false);
        let there = [&before, &left, &elsewhere, &barely_begun].map(|path| path.exists());
        assert_eq!(there, [true, false, true, false]);
        // The note is gone with it.
        let left = container("left", "team/a:1");
        store.end_creating(false);
        assert!(left.exists());
        // Of what is known by its name, nothing else goes.
        let called = New::Called("left");
        store.begin_creating("team/a:1", &called).unwrap();
        let of_udocker = container("appeared", "team/a:1");
        store.end_creating(false);
        assert!(!left.exists() && of_udocker.exists() && before.exists());
    }

    #[test]
    fn other_images_and_modes_have_other_containers() {
        let image = |name: &str| ImageSource::Registry(name.to_owned());
        let name = container_name(&image("a"), "F1").unwrap();
        assert_eq!(name, container_name(&image("a"), "F1").unwrap());
        assert_ne!(name, container_name(&image("a"), "P1").unwrap());
        assert_ne!(name, container_name(&image("b"), "F1").unwrap());
    }
}
