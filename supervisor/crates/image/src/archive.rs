//! Image archives: what `docker save` writes, the OCI image layout as a tar file, and Docker 25's, which is both; each
//! also compressed as a whole.
//!
//! Nothing is unpacked but the layers: a first look notes where everything is. A compressed archive can only be read
//! forward, so it is read again for each layer that comes before its predecessor.

mod contents;

use std::path::{Path, PathBuf};

use serde::Deserialize;

use self::contents::Contents;
use super::{
    Digest, ImageError,
    bounded::{First, List},
    decode::LARGEST_WINDOW,
    document::{Config, Descriptor, ImageManifest, MOST_LAYERS, Manifest, choose},
    interrupt::Interrupt,
    pipeline::{Layer, Opened, Source},
};

/// An archive whose contents are known.
pub(crate) struct Archive {
    contents: Contents,
    /// Members that hold the layers, once they are known.
    layers: Vec<PathBuf>,
}

/// One of the images in `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    layers: List<String, MOST_LAYERS>,
}

impl Archive {
    /// Looks through the archive.
    pub(crate) fn open(path: &Path, interrupt: &Interrupt) -> Result<Self, ImageError> {
        Ok(Self {
            contents: Contents::of(path, interrupt)?,
            layers: Vec::new(),
        })
    }

    /// The image in the archive: its layers and its configuration.
    pub(crate) fn image(&mut self) -> Result<(Vec<Layer>, Config), ImageError> {
        if self.contents.has(Path::new("manifest.json")) {
            return self.saved_image();
        }
        if self.contents.has(Path::new("index.json")) {
            return self.layout_image();
        }
        Err(ImageError::Archive {
            reason: "it holds neither manifest.json nor index.json".to_owned(),
        })
    }

    fn saved_image(&mut self) -> Result<(Vec<Layer>, Config), ImageError> {
        let bytes = self.contents.document(Path::new("manifest.json"))?;
        let images: First<Saved> =
            serde_json::from_slice(&bytes).map_err(ImageError::document("manifest.json"))?;
        if images.count > 1 {
            tracing::warn!(
                images = images.count,
                "the archive holds several images: the first is used"
            );
        }
        let image = images.item.ok_or_else(|| ImageError::Archive {
            reason: "its manifest.json names no image".to_owned(),
        })?;
        let names = image.layers.0;
        let config = self.contents.document(Path::new(&image.config))?;
        let config = Config::parse(config, names.len())?;
        let layers = names.iter().enumerate().map(|(index, name)| Layer {
            label: name.clone(),
            digest: None,
            diff_id: config.diff_id(index),
            window: LARGEST_WINDOW,
        });
        let layers = layers.collect();
        for name in &names {
            self.layers.push(self.contents.place(Path::new(name))?.0);
        }
        Ok((layers, config))
    }

    fn layout_image(&mut self) -> Result<(Vec<Layer>, Config), ImageError> {
        let bytes = self.contents.document(Path::new("index.json"))?;
        let mut manifest = Manifest::parse(&bytes)?;
        let image = loop {
            match manifest {
                Manifest::Image(image) => break image,
                Manifest::Index(index) => {
                    let bytes = self.blob(choose(&index)?)?;
                    manifest = Manifest::parse(&bytes)?;
                }
            }
        };
        self.layout_layers(&image)
    }

    fn layout_layers(&mut self, image: &ImageManifest) -> Result<(Vec<Layer>, Config), ImageError> {
        let config = Config::parse(self.blob(&image.config)?, image.layers.len())?;
        let layers = image.layers.iter().enumerate().map(|(index, layer)| Layer {
            label: layer.digest.to_string(),
            digest: Some(layer.digest.clone()),
            diff_id: config.diff_id(index),
            window: LARGEST_WINDOW,
        });
        let layers = layers.collect();
        for layer in &image.layers {
            self.layers
                .push(self.contents.place(&blob_path(&layer.digest))?.0);
        }
        Ok((layers, config))
    }

    fn blob(&mut self, descriptor: &Descriptor) -> Result<Vec<u8>, ImageError> {
        let bytes = self.contents.document(&blob_path(&descriptor.digest))?;
        descriptor.digest.expect(&Digest::of(&bytes), "document")?;
        Ok(bytes)
    }
}

impl Source for Archive {
    fn open(&mut self, index: usize) -> Result<Opened<'_>, ImageError> {
        let path = self.layers.get(index).cloned().unwrap_or_default();
        let (_, offset, size) = self.contents.place(&path)?;
        Ok(Opened::of(self.contents.section(offset, size)?))
    }
}

fn blob_path(digest: &Digest) -> PathBuf {
    Path::new("blobs/sha256").join(digest.hex())
}
