//! Layers, images and stores made for one test.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use environment::Limits;
use image::{
    self, Digest, Failure, ImageSource, Keep, PrepareRequest, RegistrySettings, StoreName,
    StorePaths,
    unpack::{LayerError, apply_layer},
};
use rootfs::{Resolver, Root};
use serde_json::json;
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;
use tokio::sync::watch;

pub(crate) const RESOLVERS: [Resolver; 2] = [Resolver::Kernel, Resolver::Walk];

/// A layer being written, without any of the checks that a tar library makes of names.
#[derive(Default)]
pub(crate) struct Layer(Vec<u8>);

impl Layer {
    pub(crate) fn add(mut self, kind: EntryType, name: &str, link: &str, content: &[u8]) -> Self {
        for (mark, text) in [(b'L', name), (b'K', link)] {
            if text.len() > 99 {
                let mut long = text.as_bytes().to_vec();
                long.push(0);
                self.block(EntryType::new(mark), "././@LongLink", "", &long, 0o644);
            }
        }
        self.block(kind, name, link, content, 0o6644);
        self
    }

    fn block(&mut self, kind: EntryType, name: &str, link: &str, content: &[u8], mode: u32) {
        let mut header = Header::new_gnu();
        let old = header.as_old_mut();
        let cut = |text: &str| text.as_bytes()[..text.len().min(99)].to_vec();
        old.name[..cut(name).len()].copy_from_slice(&cut(name));
        old.linkname[..cut(link).len()].copy_from_slice(&cut(link));
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        header.set_mode(mode);
        header.set_mtime(1_000_000_000);
        header.set_uid(1234);
        header.set_gid(1234);
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
    }

    pub(crate) fn file(self, name: &str, content: &str) -> Self {
        self.add(EntryType::Regular, name, "", content.as_bytes())
    }

    pub(crate) fn directory(self, name: &str) -> Self {
        self.add(EntryType::Directory, name, "", b"")
    }

    pub(crate) fn symlink(self, name: &str, target: &str) -> Self {
        self.add(EntryType::Symlink, name, target, b"")
    }

    pub(crate) fn hard_link(self, name: &str, target: &str) -> Self {
        self.add(EntryType::Link, name, target, b"")
    }

    pub(crate) fn bytes(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }
}

/// A root with a directory of the host's beside it that must never change.
pub(crate) struct World {
    directory: TempDir,
    resolver: Resolver,
}

impl World {
    pub(crate) fn new(resolver: Resolver) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in ["ROOT", "canary"] {
            fs::create_dir(directory.path().join(name)).unwrap();
        }
        fs::write(directory.path().join("canary/file"), "untouched").unwrap();
        Self {
            directory,
            resolver,
        }
    }

    /// A path below the root.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join("ROOT").join(name)
    }

    /// The absolute path of the host's directory.
    pub(crate) fn canary(&self) -> String {
        self.directory.path().join("canary").display().to_string()
    }

    pub(crate) fn apply(&self, layer: Layer) -> Result<(), LayerError> {
        self.apply_bytes(&layer.bytes())
    }

    pub(crate) fn apply_bytes(&self, bytes: &[u8]) -> Result<(), LayerError> {
        let root = Root::open(&self.path(""), self.resolver).unwrap();
        let applied = apply_layer(&root, bytes);
        self.expect_untouched();
        applied
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path(name)).ok()
    }

    fn expect_untouched(&self) {
        let list = |path: PathBuf| {
            let mut names: Vec<_> = fs::read_dir(path)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        assert_eq!(list(self.directory.path().to_owned()), ["ROOT", "canary"]);
        assert_eq!(list(self.directory.path().join("canary")), ["file"]);
        let file = fs::read_to_string(self.directory.path().join("canary/file")).unwrap();
        assert_eq!(file, "untouched");
    }
}

/// A store of its own.
pub(crate) struct Store {
    directory: TempDir,
    pub(crate) paths: StorePaths,
}

impl Store {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let part = |name: &str| directory.path().join(name);
        Self {
            paths: StorePaths {
                repos: part("repos"),
                layers: part("layers"),
                containers: part("containers"),
            },
            directory,
        }
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    pub(crate) async fn load(&self, archive: &Path, keep: Keep) -> Result<(), Failure> {
        let image = ImageSource::Archive(archive.to_owned());
        self.prepare(
            &image,
            "faas/test",
            keep,
            &RegistrySettings::default(),
            None,
        )
        .await
    }

    pub(crate) async fn pull(&self, name: &str, mirror: &str) -> Result<(), Failure> {
        let settings = RegistrySettings {
            mirror: Some(mirror.to_owned()),
            ..RegistrySettings::default()
        };
        let image = ImageSource::Registry(name.to_owned());
        self.prepare(&image, name, Keep::Nothing, &settings, None)
            .await
    }

    pub(crate) async fn prepare(
        &self,
        image: &ImageSource,
        name: &str,
        keep: Keep,
        registry: &RegistrySettings,
        time: Option<Duration>,
    ) -> Result<(), Failure> {
        let order = PrepareRequest {
            image,
            name: StoreName::of(name),
            container: "c",
            directory: &image::unique_id(),
            keep,
            store: &self.paths,
            registry,
        };
        let limits = Limits {
            deadline: time.map(|time| tokio::time::Instant::now() + time),
            grace: Duration::from_millis(100),
            cancelled: watch::channel(None).1,
        };
        image::prepare(&order, &limits).await
    }

    /// A file of the container `c`.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.paths.containers.join("c/ROOT").join(name)).ok()
    }

    /// Fails if anything looks finished.
    pub(crate) fn expect_nothing(&self) {
        assert!(
            !self.paths.containers.join("c").exists(),
            "a container has a name"
        );
        let images = fs::read_dir(&self.paths.repos).map_or(0, Iterator::count);
        assert_eq!(images, 0, "there is an image");
    }
}

/// The error's text.
pub(crate) fn message(failure: Failure) -> String {
    match failure {
        Failure::Image(error) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// This machine's, as images name it.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// An image's parts, by digest, and the digest of its manifest.
pub(crate) struct Image {
    pub(crate) blobs: Vec<(Digest, Vec<u8>)>,
    pub(crate) manifest: Digest,
}

/// An OCI image of uncompressed `layers`, each stored as `store` makes it.
pub(crate) fn image(layers: &[Vec<u8>], store: impl Fn(&[u8]) -> Vec<u8>) -> Image {
    image_for(architecture(), layers, store)
}

pub(crate) fn image_for(
    architecture: &str,
    layers: &[Vec<u8>],
    store: impl Fn(&[u8]) -> Vec<u8>,
) -> Image {
    let diff_ids: Vec<_> = layers.iter().map(|layer| Digest::of(layer)).collect();
    let config = json!({ "architecture": architecture, "os": "linux",
        "config": { "Cmd": ["/bin/sh"] }, "rootfs": { "type": "layers", "diff_ids": diff_ids } });
    let mut blobs = vec![blob(config.to_string().into_bytes())];
    blobs.extend(layers.iter().map(|layer| blob(store(layer))));
    let descriptor = |(digest, bytes): &(Digest, Vec<u8>)| json!({ "mediaType": "x", "digest": digest, "size": bytes.len() });
    let manifest = json!({ "schemaVersion": 2, "config": descriptor(&blobs[0]),
        "layers": blobs[1..].iter().map(descriptor).collect::<Vec<_>>() });
    let manifest = blob(manifest.to_string().into_bytes());
    let digest = manifest.0.clone();
    blobs.push(manifest);
    Image {
        blobs,
        manifest: digest,
    }
}

pub(crate) fn blob(bytes: Vec<u8>) -> (Digest, Vec<u8>) {
    (Digest::of(&bytes), bytes)
}

/// A tar file of these files, in this order.
pub(crate) fn tar_of(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder
            .append_data(&mut header, name, content.as_slice())
            .unwrap();
    }
    builder.into_inner().unwrap()
}
