//! An image from a registry: asked for, checked against the room there is, its layers downloaded while they are unpacked.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, stream};
use tokio::sync::mpsc;

use super::{
    Digest, Failure, ImageError, Keep, Plan, PrepareRequest,
    background::in_background,
    carry_out,
    decode::{LARGEST_WINDOW, USUAL_WINDOW},
    document::{Descriptor, ImageManifest, total_size},
    interrupt::Interrupt,
    keeping,
    pipeline::Layer,
    reference::Reference,
    registry::{Registry, RegistrySettings, lanes},
    room,
    sources::{Origin, Origins},
};
use environment::Limits;

/// Layers that are downloaded at the same time.
const DOWNLOADS: usize = 4;
/// Pieces of a download, of at most 64 KiB each, that wait for the layers before it.
const WAITING: usize = 32;

/// Makes the container of `order`.
pub(super) async fn make(
    order: &PrepareRequest<'_>,
    reference: &Reference,
    limits: &Limits,
) -> Result<(), Failure> {
    let look = async {
        let registry = Registry::open(reference, order.registry).await?;
        let (manifest, config) = registry.image().await?;
        Ok::<_, ImageError>((registry, manifest, config))
    };
    let (registry, manifest, config) = tokio::select! {
        found = look => found?,
        why = limits.reached() => return Err(Failure::Stopped(why)),
    };
    let kept = find_layers(order, &manifest, limits).await?;
    let missing = manifest.layers.iter();
    let missing = missing.filter(|layer| !kept.contains(&layer.digest));
    room::check(order, total_size(&manifest.layers)?, total_size(missing)?)?;
    let lanes = lanes(&manifest.layers, DOWNLOADS);
    let window = if manifest.layers.iter().any(Descriptor::is_zstd) {
        LARGEST_WINDOW
    } else {
        USUAL_WINDOW
    };
    let mut downloads = Vec::new();
    let (mut layers, mut origins) = (Vec::new(), Vec::new());
    for (index, layer) in manifest.layers.iter().enumerate() {
        origins.push(if kept.contains(&layer.digest) {
            Origin::File(order.store.layers.join(layer.digest.as_str()))
        } else {
            let (sender, receiver) = mpsc::channel(WAITING);
            downloads.push(registry.download(layer, lanes, sender));
            Origin::Stream(receiver)
        });
        layers.push(Layer {
            label: layer.digest.to_string(),
            digest: Some(layer.digest.clone()),
            diff_id: config.diff_id(index),
            window,
        });
    }
    let plan = Plan {
        layers,
        config,
        source: Box::new(Origins::new(origins)),
        interrupt: Interrupt::default(),
        keeping: keeping(order),
    };
    // In order, so that the layer that is unpacked is always among those that arrive.
    let downloads = stream::iter(downloads)
        .buffer_unordered(DOWNLOADS)
        .for_each(|()| std::future::ready(()));
    let (_, config) = carry_out(order, plan, limits, downloads).await?;
    if order.keep == Keep::Layers {
        let added = order.store.add_image(&order.name, &manifest, &config);
        added.map_err(ImageError::store)?;
    }
    Ok(())
}

/// What a registry says of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// Its layers.
    pub layers: usize,
    /// Bytes to be downloaded for them.
    pub bytes: u64,
}

/// Asks the registry for the image, and downloads none of its layers.
///
/// # Errors
/// Any of [`ImageError`] that has to do with names and registries.
pub async fn look_up(name: &str, settings: &RegistrySettings) -> Result<Offer, ImageError> {
    let reference = Reference::parse(name.trim_start_matches("docker://"))?;
    let registry = Registry::open(&reference, settings).await?;
    let (manifest, _) = registry.image().await?;
    Ok(Offer {
        layers: manifest.layers.len(),
        bytes: total_size(&manifest.layers)?,
    })
}

/// The layers that the store has already, whole.
async fn find_layers(
    order: &PrepareRequest<'_>,
    manifest: &ImageManifest,
    limits: &Limits,
) -> Result<BTreeSet<Digest>, Failure> {
    let digests: Vec<Digest> = manifest
        .layers
        .iter()
        .map(|layer| layer.digest.clone())
        .collect();
    let store = order.store.clone();
    let interrupt = Interrupt::default();
    let seen = interrupt.clone();
    let look = move || {
        let found = digests.into_iter();
        let found = found.filter(|digest| store.has_layer(digest, &seen));
        Ok(found.collect())
    };
    let step = "checking the layers in the store";
    in_background(step, look, &interrupt, limits, std::future::ready(())).await
}
