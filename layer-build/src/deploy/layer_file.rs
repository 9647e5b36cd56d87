//! The local layer: `faas-supervisor-<arch>.zip` as `make layer` assembles it, with its description beside it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::layer::arch::Arch;
use crate::layer::content::sha256;
use crate::layer::description::LayerDescription;

/// Why the assembled layer cannot be used.
#[derive(Debug, Error)]
pub enum LayerFileError {
    /// There is none.
    #[error(
        "the assembled layer for {arch} is in none of {searched}: run `make layer`, or name its folder with --layer-dir"
    )]
    Missing {
        /// The processor.
        arch: Arch,
        /// The folders that were searched.
        searched: String,
    },
    /// It is damaged.
    #[error("the assembled layer {path} cannot be used: {why}; run `make layer` again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

/// An assembled layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerFile {
    /// The zip.
    pub zip: PathBuf,
    /// Its description.
    pub description: LayerDescription,
}

/// Folders that may hold the layer: the named one, else those beside the program and `target/layer`.
pub fn folders(named: Option<&Path>, program: Option<&Path>) -> Vec<PathBuf> {
    if let Some(named) = named {
        return vec![named.to_owned()];
    }
    let beside = program.and_then(Path::parent);
    let near = beside.into_iter().flat_map(|folder| {
        [
            folder.to_owned(),
            folder.join("layer"),
            folder.join("../layer"),
        ]
    });
    near.chain([PathBuf::from("target/layer")]).collect()
}

impl LayerFile {
    /// Finds the layer for a processor; `None` when none is assembled.
    ///
    /// # Errors
    /// [`LayerFileError::Damaged`].
    pub fn find(folders: &[PathBuf], arch: Arch) -> Result<Option<Self>, LayerFileError> {
        let name = format!("faas-supervisor-{arch}");
        let mut candidates = folders
            .iter()
            .map(|folder| folder.join(&name).with_extension("json"));
        let Some(path) = candidates.find(|path| path.is_file()) else {
            return Ok(None);
        };
        let damaged = |why: String| LayerFileError::Damaged {
            path: path.clone(),
            why,
        };
        let text = std::fs::read(&path).map_err(|error| damaged(error.to_string()))?;
        let description: LayerDescription =
            serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        let zip = path.with_extension("zip");
        let content = std::fs::read(&zip).map_err(|error| damaged(error.to_string()))?;
        if sha256(&content) != description.sha256 {
            return Err(damaged(
                "the zip is not the one that is described".to_owned(),
            ));
        }
        Ok(Some(Self { zip, description }))
    }

    /// Finds the layer for a processor, which must exist.
    ///
    /// # Errors
    /// [`LayerFileError`].
    pub fn require(folders: &[PathBuf], arch: Arch) -> Result<Self, LayerFileError> {
        let list = || {
            folders
                .iter()
                .map(|folder| folder.display().to_string())
                .collect::<Vec<_>>()
                .join(", ")
        };
        Self::find(folders, arch)?.ok_or_else(|| LayerFileError::Missing {
            arch,
            searched: list(),
        })
    }

    /// Reads the supervisor out of the layer.
    ///
    /// # Errors
    /// [`LayerFileError::Damaged`].
    pub fn supervisor(&self) -> Result<Vec<u8>, LayerFileError> {
        let damaged = |why: String| LayerFileError::Damaged {
            path: self.zip.clone(),
            why,
        };
        let file = File::open(&self.zip).map_err(|error| damaged(error.to_string()))?;
        let mut zip = zip::ZipArchive::new(file).map_err(|error| damaged(error.to_string()))?;
        let mut entry = zip
            .by_name("bootstrap")
            .map_err(|error| damaged(error.to_string()))?;
        let mut content = Vec::new();
        entry
            .read_to_end(&mut content)
            .map_err(|error| damaged(error.to_string()))?;
        Ok(content)
    }
}
