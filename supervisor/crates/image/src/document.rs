//! The JSON documents of an image: index, manifest and configuration, in OCI's and Docker's spelling (OCI image
//! specification 1.1; Docker image manifest version 2, schema 2).

use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::{Digest, ImageError, bounded::List, run_config::Section};

/// Most layers of an image, and most manifests of an index.
pub(crate) const MOST_LAYERS: usize = 4096;
/// Platforms of an index that a message names.
const SHOWN_PLATFORMS: usize = 20;

/// Media types of manifests, for an `Accept` header: what one can read and what chooses between several.
pub(crate) const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

/// A reference to other content.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    #[serde(default)]
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
    #[serde(default)]
    pub(crate) size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    platform: Option<Platform>,
}

impl Descriptor {
    pub(crate) fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest,
            size,
            platform: None,
        }
    }

    /// Whether the media type says that the content is compressed with zstd.
    pub(crate) fn is_zstd(&self) -> bool {
        self.media_type.contains("zstd")
    }
}

/// Bytes of `layers` together, as the manifest states them.
///
/// # Errors
/// [`ImageError::Document`] when the sum does not fit into 64 bits: no image is that large, so the manifest is wrong.
pub(crate) fn total_size<'a>(
    layers: impl IntoIterator<Item = &'a Descriptor>,
) -> Result<u64, ImageError> {
    let mut layers = layers.into_iter();
    let total = layers.try_fold(0_u64, |total, layer| total.checked_add(layer.size));
    total.ok_or_else(|| ImageError::Document {
        what: "manifest",
        reason: "the sizes of its layers add up to 16 EiB or more; build and push the image again"
            .to_owned(),
    })
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Platform {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
}

/// Either kind of manifest.
#[derive(Debug, Clone)]
pub(crate) enum Manifest {
    /// One image.
    Image(ImageManifest),
    /// One for each kind of machine.
    Index(Vec<Descriptor>),
}

/// What an image is made of.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", from = "ManifestDocument")]
pub(crate) struct ImageManifest {
    pub(crate) schema_version: u32,
    pub(crate) media_type: Option<String>,
    pub(crate) config: Descriptor,
    pub(crate) layers: Vec<Descriptor>,
}

/// The manifest of one image, as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ManifestDocument {
    schema_version: u32,
    media_type: Option<String>,
    config: Descriptor,
    layers: List<Descriptor, MOST_LAYERS>,
}

impl From<ManifestDocument> for ImageManifest {
    fn from(document: ManifestDocument) -> Self {
        Self {
            schema_version: document.schema_version,
            media_type: document.media_type,
            config: document.config,
            layers: document.layers.0,
        }
    }
}

/// What tells the kinds of manifests apart.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    fs_layers: Option<IgnoredAny>,
    manifests: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Index {
    manifests: List<Descriptor, MOST_LAYERS>,
}

impl Manifest {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, ImageError> {
        let wrong = || ImageError::document("manifest");
        let kind: Kind = serde_json::from_slice(bytes).map_err(wrong())?;
        if kind.fs_layers.is_some() {
            let reason =
                "it is of schema 1, which registries gave up in 2019; build the image again"
                    .to_owned();
            return Err(ImageError::Document {
                what: "manifest",
                reason,
            });
        }
        if kind.manifests.is_some() {
            let index: Index = serde_json::from_slice(bytes).map_err(wrong())?;
            return Ok(Self::Index(index.manifests.0));
        }
        let image = serde_json::from_slice(bytes).map_err(wrong())?;
        Ok(Self::Image(image))
    }
}

/// The architecture of this machine, as images name it (Go's `GOARCH`).
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        "powerpc64" => "ppc64le",
        other => other,
    }
}

/// The manifest of an index that is for this machine.
pub(crate) fn choose(index: &[Descriptor]) -> Result<&Descriptor, ImageError> {
    let wanted = architecture();
    let fits = |platform: &Platform| platform.architecture == wanted && platform.os == "linux";
    let chosen = index
        .iter()
        .find(|descriptor| descriptor.platform.as_ref().is_some_and(fits))
        // Archives of one image often say nothing.
        .or_else(|| {
            index
                .iter()
                .find(|descriptor| descriptor.platform.is_none())
        });
    chosen.ok_or_else(|| {
        let platforms = index
            .iter()
            .filter_map(|descriptor| descriptor.platform.as_ref());
        let known = platforms.filter(|platform| platform.os != "unknown");
        let found: Vec<String> = known
            .take(SHOWN_PLATFORMS)
            .map(|platform| format!("{}/{}", platform.os, platform.architecture))
            .collect();
        ImageError::Architecture {
            found: if found.is_empty() {
                "no machine".to_owned()
            } else {
                found.join(", ")
            },
            wanted,
        }
    })
}

/// An image's configuration, kept as it was written.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) bytes: Vec<u8>,
    /// Digests of the layers' contents; none in images that do not say.
    pub(crate) diff_ids: Vec<Digest>,
}

impl Config {
    /// Reads it, and refuses an image for other machines and one with longer lists than a run reads.
    pub(crate) fn parse(bytes: Vec<u8>, layers: usize) -> Result<Self, ImageError> {
        #[derive(Deserialize)]
        struct Wire {
            #[serde(default)]
            architecture: String,
            #[serde(default)]
            rootfs: RootFs,
            // Read for their limits alone.
            #[serde(rename = "config")]
            _config: Option<Section>,
            #[serde(rename = "container_config")]
            _older: Option<Section>,
        }
        #[derive(Deserialize, Default)]
        struct RootFs {
            #[serde(default)]
            diff_ids: List<Digest, MOST_LAYERS>,
        }
        let wire: Wire =
            serde_json::from_slice(&bytes).map_err(ImageError::document("configuration"))?;
        let wanted = architecture();
        if !wire.architecture.is_empty() && wire.architecture != wanted {
            return Err(ImageError::Architecture {
                found: wire.architecture,
                wanted,
            });
        }
        let diff_ids = wire.rootfs.diff_ids.0;
        if !diff_ids.is_empty() && diff_ids.len() != layers {
            let reason = format!("it is about {} layers, there are {layers}", diff_ids.len());
            return Err(ImageError::Document {
                what: "configuration",
                reason,
            });
        }
        Ok(Self { bytes, diff_ids })
    }

    /// The digest of layer `index`'s content, where it is known.
    pub(crate) fn diff_id(&self, index: usize) -> Option<Digest> {
        self.diff_ids.get(index).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machines_manifest_is_chosen() {
        let digest = |byte: &str| format!("sha256:{}", byte.repeat(32));
        let index = serde_json::json!({ "manifests": [
            { "digest": digest("0a"), "platform": { "os": "unknown", "architecture": "unknown" } },
            { "digest": digest("0b"), "platform": { "os": "linux", "architecture": "s390x" } },
            { "digest": digest("0c"), "platform": { "os": "linux", "architecture": architecture() } },
        ]});
        let Manifest::Index(index) = Manifest::parse(index.to_string().as_bytes()).unwrap() else {
            panic!("an index");
        };
        assert_eq!(choose(&index).unwrap().digest.as_str(), digest("0c"));
        let error = choose(&index[..2]).unwrap_err().to_string();
        assert!(
            error.contains("linux/s390x") && !error.contains("unknown"),
            "{error}"
        );
    }

    #[test]
    fn an_image_for_other_machines_is_refused() {
        let config =
            |architecture: &str| format!("{{\"architecture\":\"{architecture}\"}}").into_bytes();
        assert!(Config::parse(config(architecture()), 3).is_ok());
        assert!(Config::parse(config(""), 3).is_ok());
        let error = Config::parse(config("s390x"), 3).unwrap_err().to_string();
        assert!(error.contains("s390x"), "{error}");
    }
}
