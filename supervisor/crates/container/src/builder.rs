//! What builds containers: udocker, its store, and what of an image stays there.

use std::{collections::HashSet, sync::Mutex};

use config::{KeepLayers, Prepare};
use environment::Place;
use image::{ImageSource, Keep};

use crate::{settings::Invocations, store::Store, udocker::Udocker};

/// What builds containers.
#[derive(Debug)]
pub(super) struct Builder {
    pub(super) udocker: Udocker,
    pub(super) store: Store,
    keep_layers: KeepLayers,
    pub(super) by: Prepare,
    /// Archives that this process has loaded, by the name of the image.
    loaded: Mutex<HashSet<String>>,
}

impl Builder {
    pub(super) fn new(udocker: Udocker, by: Prepare, keep_layers: KeepLayers) -> Self {
        Self {
            store: Store::new(udocker.settings()),
            udocker,
            keep_layers,
            by,
            loaded: Mutex::default(),
        }
    }

    /// Whether this process has loaded the archive of that image.
    pub(super) fn has_loaded(&self, reference: &str) -> bool {
        self.loaded
            .lock()
            .is_ok_and(|loaded| loaded.contains(reference))
    }

    /// Notes that it has.
    pub(super) fn set_loaded(&self, reference: &str) {
        if let Ok(mut loaded) = self.loaded.lock() {
            loaded.insert(reference.to_owned());
        }
    }

    /// Whether the layers of `image` stay in the store when nothing but this module puts them there.
    pub(super) fn keep(&self, image: &ImageSource) -> Keep {
        match (image, self.keep_layers) {
            // The archive has them already.
            (ImageSource::Archive(_), KeepLayers::Default) => Keep::Nothing,
            _ if self.keeps_layers() => Keep::Layers,
            _ => Keep::Nothing,
        }
    }

    pub(super) fn keeps_layers(&self) -> bool {
        match self.keep_layers {
            KeepLayers::Keep => true,
            KeepLayers::Drop => false,
            KeepLayers::Default => {
                let settings = self.udocker.settings();
                settings.place == Place::Terminal || settings.invocations == Invocations::AtOnce
            }
        }
    }
}
