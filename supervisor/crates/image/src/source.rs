//! Where an image comes from.

use std::path::PathBuf;

/// Where the image comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageSource {
    /// `container.image`: a name in a registry (or one that udocker's store has already).
    Registry(String),
    /// `container.image_file`: an archive (`docker save` and its like).
    Archive(PathBuf),
}

impl std::fmt::Display for ImageSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Registry(name) => f.write_str(name),
            Self::Archive(path) => write!(f, "{}", path.display()),
        }
    }
}
