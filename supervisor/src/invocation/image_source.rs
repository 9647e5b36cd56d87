//! Which image a function's configuration names.

use config::FunctionConfig;
use image::ImageSource;

/// The image that the configuration names; an archive wins over a name.
pub fn image_source(config: &FunctionConfig) -> Option<ImageSource> {
    let container = &config.container;
    match (&container.image_file, &container.image) {
        (Some(path), _) => Some(ImageSource::Archive(path.clone())),
        (None, Some(name)) => Some(ImageSource::Registry(name.clone())),
        (None, None) => None,
    }
}
