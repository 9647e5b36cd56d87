//! What the supervisor reads of udocker's store, and the little it keeps beside it.
//!
//! Layout (udocker 1.3.17): `repos/<name>/<tag>/TAG`, `containers/<uuid>/{ROOT,container.json,
//! execmode}`, and names as symbolic links `containers/<name>`. Beside it `faas-supervisor/`
//! holds a lock and, for each container that was prepared to the end, a marker: a preparation that
//! was interrupted has none and is done again.

mod creating;

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    io,
    path::PathBuf,
    time::Duration,
};

use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};

pub use self::creating::New;
use crate::engine::settings::UdockerSettings;
use image::ImageSource;
use image::StoreName;
use rootfs::remove_tree;

/// How often a preparation that another process holds the lock for is looked at again.
const LOCK_POLL: Duration = Duration::from_millis(25);

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

    /// Notes that the container was prepared to the end, and how long that took.
    ///
    /// # Errors
    /// The operating system's.
    pub fn set_ready(&self, name: &str, build_time: Duration) -> io::Result<()> {
        fs::write(self.own.join(name), format!("{}\n", build_time.as_millis()))
    }

    /// How long it took to prepare the container, where that was noted.
    pub fn build_time(&self, name: &str) -> Option<Duration> {
        let noted = fs::read_to_string(self.own.join(name)).ok()?;
        noted.trim().parse().ok().map(Duration::from_millis)
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
                return Err(io::ErrorKind::DirectoryNotEmpty.into());
            }
        }
        fs::remove_file(link)
    }

    /// Whether udocker knows a container of that name, complete or not.
    pub fn has_name(&self, name: &str) -> bool {
        self.containers.join(name).symlink_metadata().is_ok()
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
    use super::*;

    #[test]
    fn other_images_and_modes_have_other_containers() {
        let image = |name: &str| ImageSource::Registry(name.to_owned());
        let name = container_name(&image("a"), "F1").unwrap();
        assert_eq!(name, container_name(&image("a"), "F1").unwrap());
        assert_ne!(name, container_name(&image("a"), "P1").unwrap());
        assert_ne!(name, container_name(&image("b"), "F1").unwrap());
    }
}
