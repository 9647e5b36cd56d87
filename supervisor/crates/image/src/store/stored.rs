//! Images that the store has, whoever has put them there: udocker's `pull` and `load`, or this module's.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, de::DeserializeOwned};

use super::super::{
    Digest,
    bounded::{First, List},
    document::MOST_LAYERS,
    run_config::LARGEST_CONFIG,
};

/// An image that the store has: its layers' files, the lowest first, and its configuration.
#[derive(Debug)]
pub(crate) struct StoredImage {
    pub(crate) layers: Vec<(PathBuf, Option<Digest>)>,
    pub(crate) config: Vec<u8>,
}

/// What there is of an image.
pub(super) enum Found {
    Whole(StoredImage),
    /// Its configuration is not the one that the manifest names.
    Damaged,
    /// It is not all there, or its documents cannot be read.
    Incomplete,
}

impl From<Option<StoredImage>> for Found {
    fn from(image: Option<StoredImage>) -> Self {
        image.map_or(Self::Incomplete, Self::Whole)
    }
}

impl StoredImage {
    /// The image in `directory`.
    pub(super) fn read(directory: &Path) -> Found {
        // A directory of that name belongs to another image.
        let found = if directory.join("v1").is_file() {
            read_v1(directory).into()
        } else {
            read_v2(directory).unwrap_or(Found::Incomplete)
        };
        match found {
            Found::Whole(image) if !image.layers.iter().all(|(path, _)| path.is_file()) => {
                Found::Incomplete
            }
            found => found,
        }
    }
}

/// A manifest of schema 2, or of schema 1, whose top layer comes first.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredManifest {
    config: Option<Blob>,
    layers: Option<List<Blob, MOST_LAYERS>>,
    fs_layers: Option<List<FsLayer, MOST_LAYERS>>,
    history: Option<First<History>>,
}

#[derive(Deserialize)]
struct Blob {
    digest: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FsLayer {
    blob_sum: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct History {
    v1_compatibility: String,
}

/// A document of the image; none if it is larger than any is.
fn read(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = LARGEST_CONFIG as u64 + 1;
    let read = File::open(path).ok()?.take(most).read_to_end(&mut bytes);
    (read.ok()? <= LARGEST_CONFIG).then_some(bytes)
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&read(path)?).ok()
}

fn read_v1(directory: &Path) -> Option<StoredImage> {
    let List(ids) = read_json::<List<String, MOST_LAYERS>>(&directory.join("ancestry"))?;
    let layer = |id: &String| (directory.join(format!("{id}.layer")), None);
    let top = directory.join(format!("{}.json", ids.first()?));
    let config = read(&directory.join("container.json")).or_else(|| read(&top))?;
    Some(StoredImage {
        layers: ids.iter().rev().map(layer).collect(),
        config,
    })
}

fn read_v2(directory: &Path) -> Option<Found> {
    let manifest: StoredManifest = read_json(&directory.join("manifest"))?;
    let layer = |digest: String| (directory.join(&digest), digest.parse().ok());
    if let Some(List(layers)) = manifest.fs_layers {
        let digests = layers.into_iter().rev().map(|layer| layer.blob_sum);
        let config = manifest.history?.item?.v1_compatibility;
        return Some(Found::Whole(StoredImage {
            layers: digests.map(layer).collect(),
            config: config.into_bytes(),
        }));
    }
    let List(layers) = manifest.layers?;
    let named = manifest.config?.digest;
    let config = read(&directory.join(&named))?;
    let expected: Digest = named.parse().ok()?;
    if Digest::of(&config) != expected {
        return Some(Found::Damaged);
    }
    Some(Found::Whole(StoredImage {
        layers: layers.into_iter().map(|blob| layer(blob.digest)).collect(),
        config,
    }))
}
