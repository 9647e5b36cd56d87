//! What builds containers: udocker, its store, and what of an image stays there.

use std::{collections::HashSet, sync::Mutex};

use config::{KeepLayers, Prepare};
use environment::Platform;
use image::{ImageSource, Keep};

use crate::{engine::settings::Invocations, exec::udocker::Udocker, prepare::store::Store};

/// What builds containers.
#[derive(Debug)]
pub(crate) struct Builder {
    pub(crate) udocker: Udocker,
    pub(crate) store: Store,
    keep_layers: KeepLayers,
    pub(crate) by: Prepare,
    /// Archives that this process has loaded, by the name of the image.
    loaded: Mutex<HashSet<String>>,
}

impl Builder {
    pub(crate) fn new(udocker: Udocker, by: Prepare, keep_layers: KeepLayers) -> Self {
        Self {
            store: Store::new(udocker.settings()),
            udocker,
            keep_layers,
            by,
            loaded: Mutex::default(),
        }
    }

    /// Whether this process has loaded the archive of that image.
    pub(crate) fn has_loaded(&self, reference: &str) -> bool {
        self.loaded
            .lock()
            .is_ok_and(|loaded| loaded.contains(reference))
    }

    /// Notes that it has.
    pub(crate) fn set_loaded(&self, reference: &str) {
        if let Ok(mut loaded) = self.loaded.lock() {
            loaded.insert(reference.to_owned());
        }
    }

    /// Whether the layers of `image` stay in the store when nothing but this module puts them there.
    pub(crate) fn keep(&self, image: &ImageSource) -> Keep {
        match (image, self.keep_layers) {
            // The archive has them already.
            (ImageSource::Archive(_), KeepLayers::Default) => Keep::Nothing,
            _ if self.keeps_layers() => Keep::Layers,
            _ => Keep::Nothing,
        }
    }

    pub(crate) fn keeps_layers(&self) -> bool {
        match self.keep_layers {
            KeepLayers::Keep => true,
            KeepLayers::Drop => false,
            KeepLayers::Default => {
                let settings = self.udocker.settings();
                settings.platform == Platform::Terminal
                    || settings.invocations == Invocations::AtOnce
            }
        }
    }
}
