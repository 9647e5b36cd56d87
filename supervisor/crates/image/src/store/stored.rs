//! Images that the store has, whoever has put them there: udocker's `pull` and `load`, or this module's.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::super::Digest;

/// An image that the store has: its layers' files, the lowest first, and its configuration.
#[derive(Debug)]
pub(crate) struct StoredImage {
    pub(crate) layers: Vec<(PathBuf, Option<Digest>)>,
    pub(crate) config: Vec<u8>,
}

impl StoredImage {
    /// The image in `directory`; none if it is not all there.
    pub(super) fn read(directory: &Path) -> Option<Self> {
        let found = if directory.join("v1").exists() {
            read_v1(directory)
        } else {
            read_v2(directory)
        }?;
        let all_there = found.layers.iter().all(|(path, _)| path.is_file());
        all_there.then_some(found)
    }
}

fn read_json(path: &Path) -> Option<Value> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn read_v1(directory: &Path) -> Option<StoredImage> {
    let ancestry = read_json(&directory.join("ancestry"))?;
    let ids: Vec<&str> = ancestry
        .as_array()?
        .iter()
        .map(Value::as_str)
        .collect::<Option<_>>()?;
    let layer = |id: &&str| (directory.join(format!("{id}.layer")), None);
    let top = directory.join(format!("{}.json", ids.first()?));
    let config = fs::read(directory.join("container.json"))
        .or_else(|_| fs::read(top))
        .ok()?;
    Some(StoredImage {
        layers: ids.iter().rev().map(layer).collect(),
        config,
    })
}

fn read_v2(directory: &Path) -> Option<StoredImage> {
    let manifest = read_json(&directory.join("manifest"))?;
    let layer = |digest: &str| (directory.join(digest), digest.parse().ok());
    if let Some(layers) = manifest["fsLayers"].as_array() {
        let digests: Option<Vec<_>> = layers
            .iter()
            .map(|layer| layer["blobSum"].as_str())
            .collect();
        let config = manifest["history"][0]["v1Compatibility"].as_str()?;
        return Some(StoredImage {
            layers: digests?.into_iter().rev().map(layer).collect(),
            config: config.as_bytes().to_vec(),
        });
    }
    let layers = manifest["layers"].as_array()?;
    let digests: Option<Vec<_>> = layers
        .iter()
        .map(|layer| layer["digest"].as_str())
        .collect();
    Some(StoredImage {
        layers: digests?.into_iter().map(layer).collect(),
        config: fs::read(directory.join(manifest["config"]["digest"].as_str()?)).ok()?,
    })
}
