//! Brings container images into udocker's store without udocker: from a registry, an archive or the store itself into a
//! container that udocker can set up and run.
//!
//! Layers are downloaded several at a time, and checked, decompressed and unpacked as their bytes arrive: an image is
//! held once on the disk, and a few megabytes of it in memory. The store must be locked meanwhile; what is interrupted
//! leaves no image and no container that anybody would take for one.

mod archive;
mod background;
pub mod bounded;
mod decode;
pub mod digest;
mod document;
pub mod error;
mod from_registry;
mod interrupt;
mod pipeline;
pub mod reference;
pub mod registry;
pub mod room;
pub mod run_config;
mod source;
mod sources;
pub mod store;
pub mod unpack;
mod verify;

use std::path::{Path, PathBuf};

use self::{
    archive::Archive,
    background::in_background,
    decode::LARGEST_WINDOW,
    document::{Config, Descriptor, ImageManifest},
    interrupt::Interrupt,
    pipeline::{Blob, Keeping, Layer, Source},
    reference::Reference,
    sources::{Origin, Origins},
};
pub use self::{
    digest::Digest,
    error::ImageError,
    from_registry::{Offer, look_up},
    registry::RegistrySettings,
    source::ImageSource,
    store::{StoreName, StorePaths, unique_id},
};
use environment::{Limits, Stop};
use rootfs::{Resolver, Root};

/// What is to be prepared, and where.
#[derive(Debug, Clone, Copy)]
pub struct PrepareRequest<'a> {
    /// Where the image comes from.
    pub image: &'a ImageSource,
    /// What the store calls it.
    pub name: StoreName<'a>,
    /// What its container will be called; nothing has that name yet.
    pub container: &'a str,
    /// What its directory will be called, see [`unique_id`].
    pub directory: &'a str,
    /// Whether the layers stay in the store.
    pub keep: Keep,
    /// The store.
    pub store: &'a StorePaths,
    /// Where and how to pull.
    pub registry: &'a RegistrySettings,
}

/// Whether layers stay in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// As an image that udocker knows.
    Layers,
    /// Only the container.
    Nothing,
}

/// Why there is no container.
#[derive(Debug)]
pub enum Failure {
    /// Something went wrong.
    Image(ImageError),
    /// It does not fit: bytes needed at least, and bytes free.
    NoRoom {
        /// Where in the store.
        path: PathBuf,
        /// The least it takes, where that is known.
        needed: Option<u64>,
        /// What there is.
        free: u64,
    },
    /// The time was up, or the supervisor was told to stop.
    Stopped(Stop),
}

impl From<ImageError> for Failure {
    fn from(error: ImageError) -> Self {
        Self::Image(error)
    }
}

/// An image on its way into a container.
struct Plan {
    layers: Vec<Layer>,
    config: Config,
    source: Box<dyn Source>,
    keeping: Keeping,
    interrupt: Interrupt,
}

/// Makes the container.
///
/// # Errors
/// [`Failure`]; what there is of the container has no name then, and is for the caller to remove.
pub async fn prepare(order: &PrepareRequest<'_>, limits: &Limits) -> Result<(), Failure> {
    order.store.make_ready().map_err(ImageError::store)?;
    let made = match (order.store.find(&order.name), order.image) {
        (Some(stored), _) => from_store(order, stored, limits).await,
        (None, ImageSource::Archive(path)) => from_archive(order, path, limits).await,
        (None, ImageSource::Registry(name)) => {
            let reference = Reference::parse(name.trim_start_matches("docker://"))?;
            from_registry::make(order, &reference, limits).await
        }
    };
    match made {
        Err(Failure::Image(error)) if error.is_full_disk() => Err(room::used_up(order)),
        made => made,
    }
}

async fn from_store(
    order: &PrepareRequest<'_>,
    stored: store::StoredImage,
    limits: &Limits,
) -> Result<(), Failure> {
    let config = Config::parse(stored.config, stored.layers.len())?;
    let layers = stored
        .layers
        .iter()
        .enumerate()
        .map(|(index, (path, digest))| Layer {
            label: path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            digest: digest.clone(),
            diff_id: config.diff_id(index),
            window: LARGEST_WINDOW,
        });
    let layers = layers.collect();
    let files = stored
        .layers
        .into_iter()
        .map(|(path, _)| Origin::File(path));
    let plan = Plan {
        layers,
        config,
        source: Box::new(Origins::new(files.collect())),
        keeping: Keeping::Nothing,
        interrupt: Interrupt::default(),
    };
    let made = carry_out(order, plan, limits, std::future::ready(())).await;
    if let Err(Failure::Image(error)) = &made
        && error.is_damage()
    {
        order.store.forget(&order.name);
    }
    made.map(drop)
}

async fn from_archive(
    order: &PrepareRequest<'_>,
    path: &Path,
    limits: &Limits,
) -> Result<(), Failure> {
    let size = std::fs::metadata(path).map_or(0, |meta| meta.len());
    room::check(order, size, size)?;
    let interrupt = Interrupt::default();
    let (opened, path) = (interrupt.clone(), path.to_owned());
    let look = move || {
        let mut archive = Archive::open(&path, &opened)?;
        let (layers, config) = archive.image()?;
        Ok((archive, layers, config))
    };
    let (archive, layers, config) = in_background(
        "reading the archive",
        look,
        &interrupt,
        limits,
        std::future::ready(()),
    )
    .await?;
    let plan = Plan {
        layers,
        config,
        source: Box::new(archive),
        keeping: keeping(order),
        interrupt,
    };
    let (blobs, config) = carry_out(order, plan, limits, std::future::ready(())).await?;
    if order.keep == Keep::Layers {
        let manifest = manifest_of(&blobs, &config);
        let added = order.store.add_image(&order.name, &manifest, &config);
        added.map_err(ImageError::store)?;
    }
    Ok(())
}

fn keeping(order: &PrepareRequest<'_>) -> Keeping {
    match order.keep {
        Keep::Layers => Keeping::In(order.store.layers.clone()),
        Keep::Nothing => Keeping::Nothing,
    }
}

/// Unpacks the layers into a new container while `downloads` goes on, and names it when all is well.
async fn carry_out(
    order: &PrepareRequest<'_>,
    plan: Plan,
    limits: &Limits,
    downloads: impl Future<Output = ()>,
) -> Result<(Vec<Blob>, Config), Failure> {
    let directory = order.store.begin_container(&order.name, order.directory);
    let directory = directory.map_err(ImageError::store)?;
    let root: PathBuf = directory.join("ROOT");
    let Plan {
        layers,
        config,
        mut source,
        keeping,
        interrupt,
    } = plan;
    let seen = interrupt.clone();
    let unpack = move || {
        let root = Root::open(&root, Resolver::Kernel).map_err(ImageError::store)?;
        pipeline::apply(&layers, source.as_mut(), &root, &keeping, &seen)
    };
    let blobs = in_background(
        "unpacking the layers",
        unpack,
        &interrupt,
        limits,
        downloads,
    )
    .await?;
    let named = order
        .store
        .name_container(&directory, order.container, &config.bytes);
    named.map_err(ImageError::store)?;
    Ok((blobs, config))
}

/// A manifest for an image that came without one, or with one for other bytes.
fn manifest_of(blobs: &[Blob], config: &Config) -> ImageManifest {
    let layer = |blob: &Blob| {
        let kind = "application/vnd.oci.image.layer.v1.tar";
        Descriptor::new(kind, blob.digest.clone(), blob.size)
    };
    let kind = "application/vnd.oci.image.config.v1+json";
    let digest = Digest::of(&config.bytes);
    ImageManifest {
        schema_version: 2,
        media_type: Some("application/vnd.oci.image.manifest.v1+json".to_owned()),
        config: Descriptor::new(kind, digest, config.bytes.len() as u64),
        layers: blobs.iter().map(layer).collect(),
    }
}
