//! udocker's store: `repos`, `layers` and `containers`, in the format of udocker 1.3.17.
//!
//! `repos/<repository>/<tag>/` holds `TAG`, which makes it an image, an empty file `v1` or `v2`, and links into `layers/`.
//! `v2` has a `manifest` and one link `sha256:…` for each layer and the configuration; `v1` has `ancestry`, a list with the
//! top layer first, a link `<id>.layer` for each and `container.json`. `containers/<uuid>/` holds `ROOT/`, `container.json` (the
//! image's configuration) and `imagerepo.name`; a link `containers/<name>` to it is the container's name.
//!
//! What makes a thing count is written last: `TAG` of an image, the name of a container, a layer's own name.

mod name;
mod stored;

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

pub use self::name::{StoreName, unique_id};
use self::stored::Found;
pub(crate) use self::stored::StoredImage;
use super::{
    Digest, ImageError,
    digest::Hash,
    document::{Config, ImageManifest},
    interrupt::{Interrupt, Interruptible},
};

/// Beginning of the names of unfinished layers.
const PART: &str = ".faas-part-";

/// Where the parts of a store are; each may have been moved.
#[derive(Debug, Clone)]
pub struct StorePaths {
    /// `UDOCKER_REPOS`.
    pub repos: PathBuf,
    /// `UDOCKER_LAYERS`.
    pub layers: PathBuf,
    /// `UDOCKER_CONTAINERS`.
    pub containers: PathBuf,
}

impl StorePaths {
    /// Makes the directories, and removes what an interrupted preparation has left of layers. The store must be locked.
    pub(crate) fn make_ready(&self) -> io::Result<()> {
        for directory in [&self.repos, &self.layers, &self.containers] {
            fs::create_dir_all(directory)?;
        }
        for entry in fs::read_dir(&self.layers)?.flatten() {
            if entry
                .file_name()
                .as_encoded_bytes()
                .starts_with(PART.as_bytes())
            {
                let _tried_again = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }

    fn image(&self, name: &StoreName<'_>) -> PathBuf {
        self.repos.join(name.repository).join(name.tag)
    }

    /// The image of that name, whoever has put it there; none if it is not there or not all there. One whose configuration is
    /// damaged is forgotten.
    pub(crate) fn find(&self, name: &StoreName<'_>) -> Option<StoredImage> {
        let directory = self.image(name);
        if !directory.join("TAG").is_file() {
            return None;
        }
        match StoredImage::read(&directory) {
            Found::Whole(image) => Some(image),
            Found::Incomplete => None,
            Found::Damaged => {
                tracing::warn!(path = %directory.display(), "an image whose configuration is damaged is removed from the store");
                self.forget(name);
                None
            }
        }
    }

    /// Whether the store has a layer, whole; a damaged one is removed. Layers of gigabytes take seconds.
    pub(crate) fn has_layer(&self, digest: &Digest, interrupt: &Interrupt) -> bool {
        let path = self.layers.join(digest.as_str());
        let Ok(file) = fs::File::open(&path) else {
            return false;
        };
        let mut file = Interruptible {
            reader: file,
            interrupt: interrupt.clone(),
        };
        let mut hash = Hash::default();
        let read = io::copy(&mut file, &mut hash);
        let whole = read.is_ok() && hash.finish() == *digest;
        if !whole && !interrupt.is_set() {
            tracing::warn!(path = %path.display(), "a damaged layer is removed");
            let _found_again = fs::remove_file(path);
        }
        whole
    }

    /// Forgets an image that turned out to be damaged; its layers are looked at when they are wanted again.
    pub(crate) fn forget(&self, name: &StoreName<'_>) {
        remove_files(&self.image(name));
    }

    /// What stands where `image` goes: udocker keeps the tags of repository `a/b` beside the files of tag `b` of repository
    /// `a`.
    fn obstacle(&self, image: &Path, manifest: &ImageManifest) -> Option<PathBuf> {
        let above = image
            .ancestors()
            .take_while(|directory| directory.starts_with(&self.repos));
        let file = above
            .filter(|path| !path.is_dir())
            .find(|path| path.symlink_metadata().is_ok());
        let blobs = manifest.layers.iter().chain([&manifest.config]);
        let names = blobs.map(|blob| blob.digest.as_str());
        let mut files = names.chain(["TAG", "v2", "manifest"]);
        let mut directory = || files.find(|name| image.join(name).is_dir());
        file.map(Path::to_owned)
            .or_else(|| directory().map(|name| image.join(name)))
    }

    /// Enters an image whose layers are there already. One whose place another image takes is not entered: its layers stay,
    /// and are found when it is pulled again.
    pub(crate) fn add_image(
        &self,
        name: &StoreName<'_>,
        manifest: &ImageManifest,
        config: &Config,
    ) -> io::Result<()> {
        let directory = self.image(name);
        if let Some(path) = self.obstacle(&directory, manifest) {
            tracing::warn!(
                image = %format_args!("{}:{}", name.repository, name.tag),
                path = %path.display(),
                "the store cannot list the image under its name, because another image has its files there; its layers are kept"
            );
            return Ok(());
        }
        let config_file = part_file(&self.layers)?;
        fs::write(config_file.path(), &config.bytes)?;
        config_file.persist(self.layers.join(manifest.config.digest.as_str()))?;
        remove_files(&directory);
        fs::create_dir_all(&directory)?;
        for blob in manifest.layers.iter().chain([&manifest.config]) {
            let file = blob.digest.as_str();
            let target = self.link_target(&directory, file);
            match symlink(target, directory.join(file)) {
                // The same layer twice in one image.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                linked => linked?,
            }
        }
        fs::write(directory.join("v2"), b"")?;
        fs::write(directory.join("manifest"), serde_json::to_vec(manifest)?)?;
        let repository = self.repos.join(name.repository);
        fs::write(
            directory.join("TAG"),
            format!("{}:{}", repository.display(), name.tag),
        )
    }

    /// From an image's directory to a layer, relative as udocker makes it where the directories have a common parent.
    fn link_target(&self, directory: &Path, file: &str) -> PathBuf {
        let layer = self.layers.join(file);
        let Some(store) = self.repos.parent() else {
            return layer;
        };
        match (directory.strip_prefix(store), layer.strip_prefix(store)) {
            (Ok(inside), Ok(layer)) => {
                let up: PathBuf = inside.components().map(|_| "..").collect();
                up.join(layer)
            }
            _ => layer,
        }
    }

    /// Begins a container of `image` in the directory `called`; it has no name of its own yet.
    pub(crate) fn begin_container(
        &self,
        image: &StoreName<'_>,
        called: &str,
    ) -> io::Result<PathBuf> {
        let directory = self.containers.join(called);
        fs::create_dir(&directory)?;
        fs::write(
            directory.join("imagerepo.name"),
            format!("{}:{}", image.repository, image.tag),
        )?;
        fs::create_dir(directory.join("ROOT"))?;
        Ok(directory)
    }

    /// Gives the finished container its name.
    pub(crate) fn name_container(
        &self,
        directory: &Path,
        name: &str,
        config: &[u8],
    ) -> io::Result<()> {
        fs::write(directory.join("container.json"), config)?;
        symlink(
            directory.file_name().unwrap_or_default(),
            self.containers.join(name),
        )
    }
}

/// A file in `layers` without a name that counts; it goes when it is dropped.
pub(crate) fn part_file(layers: &Path) -> io::Result<NamedTempFile> {
    use std::os::unix::fs::PermissionsExt as _;
    tempfile::Builder::new()
        .prefix(PART)
        .permissions(fs::Permissions::from_mode(0o644))
        .tempfile_in(layers)
}

impl ImageError {
    /// An operation on the store failed.
    pub(crate) fn store(source: io::Error) -> Self {
        Self::io("write to udocker's store")(source)
    }
}

/// Removes what is directly in an image's directory: the directories in it are those of other images, as repository
/// `a/b` has its tags beside the files of tag `b` of repository `a`.
fn remove_files(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let _is_a_directory = fs::remove_file(entry.path());
    }
    let _holds_others = fs::remove_dir(directory);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_is_damaged_only_when_it_was_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = |part: &str| directory.path().join(part);
        let store = StorePaths {
            repos: path("repos"),
            layers: path("layers"),
            containers: path("containers"),
        };
        fs::create_dir(&store.layers).unwrap();
        let (whole, damaged) = (Digest::of(b"whole"), Digest::of(b"damaged"));
        let layer = |digest: &Digest| store.layers.join(digest.as_str());
        for digest in [&whole, &damaged] {
            fs::write(layer(digest), "whole").unwrap();
        }
        let interrupt = Interrupt::default();
        interrupt.set();
        assert!(!store.has_layer(&whole, &interrupt) && layer(&whole).exists());
        let interrupt = Interrupt::default();
        assert!(store.has_layer(&whole, &interrupt));
        assert!(!store.has_layer(&damaged, &interrupt) && !layer(&damaged).exists());
    }

    #[test]
    fn an_image_is_forgotten_without_those_below_its_directory() {
        let directory = tempfile::tempdir().unwrap();
        let store = StorePaths {
            repos: directory.path().join("repos"),
            layers: directory.path().join("layers"),
            containers: directory.path().join("containers"),
        };
        let (outer, inner) = (StoreName::of("host/a:b"), StoreName::of("host/a/b:1"));
        for name in [&outer, &inner] {
            fs::create_dir_all(store.image(name)).unwrap();
            fs::write(store.image(name).join("TAG"), "").unwrap();
        }
        store.forget(&outer);
        let there = |name| store.image(name).join("TAG").exists();
        assert_eq!((there(&outer), there(&inner)), (false, true));
        store.forget(&inner);
        assert!(!store.image(&inner).exists());
    }
}
