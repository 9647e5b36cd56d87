//! Brings an image into udocker's store as a container that is ready to run, once.

use std::{
    collections::{HashMap, HashSet},
    ffi::OsString,
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use nix::fcntl::Flock;

use crate::workspace::RecordDir;
use config::{ExecMode, KeepLayers, Prepare};
use environment::Place;
use image::Keep;

use super::{
    ContainerError,
    clean::Baseline,
    command::ImageCommand,
    document::image_command,
    engine::{Guest, Runs},
    hygiene::{Hygiene, Hygienist, Undo},
    journal::Journal,
    making::{
        Making, create_arguments, fetch_arguments, fetch_step, image_reference, setup_arguments,
    },
    off_thread::off_thread,
    settings::Invocations,
    slots::Slot,
    stage::Stage,
    store::{self, Store},
    udocker::Udocker,
};
use environment::Limits;
use image::ImageSource;

/// A container that is ready to run.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// udocker's name for it.
    pub name: String,
    /// `containers/<uuid>` in the store.
    pub directory: PathBuf,
    /// What the image runs.
    pub command: ImageCommand,
    /// What the user calls the image.
    pub image: String,
    /// The mode it was set up for.
    pub mode: ExecMode,
    /// What becomes of a run's changes in the image.
    pub undo: Undo,
    /// What the native engine knows of it, where that runs it.
    pub guest: Option<Arc<Guest>>,
}

impl Prepared {
    /// The stage of a run with the directories of `record`.
    pub fn stage(&self, record: &RecordDir) -> Stage {
        let root = || self.directory.join("ROOT");
        match self.undo {
            Undo::Overlay => Stage {
                root: root(),
                changes: Some(record.changes().to_owned()),
            },
            Undo::Journal(_) => Stage {
                root: root(),
                changes: None,
            },
            // Others may run it, too, and these engines need nothing in it.
            Undo::Scratch(_) => Stage::default(),
        }
    }
}

/// Prepares images, and remembers for warm invocations what is ready.
#[derive(Debug)]
pub struct Preparer {
    pub(super) udocker: Udocker,
    pub(super) store: Store,
    keep_layers: KeepLayers,
    pub(super) by: Prepare,
    ready: Mutex<HashMap<String, Prepared>>,
    /// Archives that this process has loaded, by the name of the image.
    loaded: Mutex<HashSet<String>>,
    hygienist: Hygienist,
}

impl Preparer {
    /// Nothing is prepared yet.
    pub fn new(udocker: Udocker, by: Prepare, keep_layers: KeepLayers) -> Self {
        let store = Store::new(udocker.settings());
        Self {
            udocker,
            store,
            keep_layers,
            by,
            ready: Mutex::default(),
            loaded: Mutex::default(),
            hygienist: Hygienist::default(),
        }
    }

    /// The container of `slot` for `image`: remembered, found in the store, or made now.
    ///
    /// # Errors
    /// Any of [`ContainerError`]; what a failed step left behind is removed.
    pub async fn prepare(
        &self,
        image: &ImageSource,
        slot: &Slot,
        temp: &Path,
        limits: &Limits,
    ) -> Result<Prepared, ContainerError> {
        let first = self.container_name(image)?;
        let settings = self.udocker.settings();
        let hygiene = self.hygiene(temp).await?;
        let place = match (hygiene, settings.runs) {
            // Runs do not see each other there. (udocker keeps notes of each run in the container's directory.)
            (Hygiene::Overlay, Runs::Native) => first.clone(),
            _ => slot.name(&first),
        };
        if let Some(prepared) = self.remembered(&place) {
            return Ok(prepared);
        }
        let lock = tokio::select! {
            lock = self.store.lock() => lock.map_err(ContainerError::io(format!(
                "lock udocker's store {}", settings.store.display())))?,
            why = limits.reached() => {
                let image = image.to_string();
                return Err(ContainerError::Stopped { why, step: "lock", image });
            }
        };
        let (name, claim) = match hygiene {
            Hygiene::Overlay | Hygiene::Scratch => (place.clone(), None),
            Hygiene::Journal => self
                .store
                .claim(&place)
                .map_err(ContainerError::io(format!("claim a container of {image}")))?,
        };
        if claim.is_some()
            && self.store.is_ready(&name)
            && Journal::is_unfinished(&self.store.journal(&name))
        {
            tracing::info!("a run was interrupted: the container is made anew");
            self.store.clear_ready(&name);
        }
        if !self.store.is_ready(&name) {
            let making = Making {
                preparer: self,
                image,
                reference: image_reference(image, &first),
                name: &name,
                temp,
                limits,
            };
            making.make().await?;
        }
        drop(lock);
        let directory = self.store.container(&name).ok_or_else(|| {
            ContainerError::io(format!("find container {name}"))(
                std::io::ErrorKind::NotFound.into(),
            )
        })?;
        let mut prepared = self.describe(image, &name, directory)?;
        match (hygiene, claim) {
            (Hygiene::Overlay, _) => prepared.undo = Undo::Overlay,
            (Hygiene::Journal, Some(claim)) => self.begin_journal(&mut prepared, claim).await,
            _ => {}
        }
        if let Ok(mut ready) = self.ready.lock() {
            ready.insert(place, prepared.clone());
        }
        Ok(prepared)
    }

    /// Takes stock of the container; where that cannot be, its scratch directories must do.
    async fn begin_journal(&self, prepared: &mut Prepared, claim: Flock<File>) {
        let root = prepared.directory.join("ROOT");
        let notes = self.store.journal(&prepared.name);
        match off_thread(move || Journal::begin(&root, &notes).map_err(io::Error::other)).await {
            Ok(journal) => prepared.undo = Undo::journal(journal, claim),
            Err(error) => tracing::warn!(
                %error,
                "what runs change in the image cannot be undone here, but for additions in /tmp and the like"
            ),
        }
    }

    /// What becomes of a run's changes in the image; `temp` is where they would go.
    ///
    /// # Errors
    /// [`ContainerError::Io`] when it could not be found out.
    pub async fn hygiene(&self, temp: &Path) -> Result<Hygiene, ContainerError> {
        let settings = self.udocker.settings();
        self.hygienist.choose(settings, temp).await
    }

    /// The udocker commands a preparation from nothing takes, for `--explain`.
    pub fn steps(&self, image: &ImageSource, name: &str) -> Vec<Vec<OsString>> {
        let settings = self.udocker.settings();
        let mut steps = Vec::new();
        if self.by == Prepare::Udocker {
            let reference = image_reference(image, name);
            steps.push(fetch_arguments(image, &reference));
            steps.push(create_arguments(name, &reference));
        }
        if settings.runs == Runs::Udocker {
            steps.push(setup_arguments(settings.mode, name));
        }
        steps
    }

    /// What the supervisor does itself before them, for `--explain`.
    pub fn own_step(&self, image: &ImageSource, name: &str) -> Option<String> {
        let how = fetch_step(image);
        (self.by == Prepare::Native).then(|| format!("{how} {image} into container {name}"))
    }

    /// The container for `image`, if it is prepared already; nothing is made or changed.
    pub fn known(&self, image: &ImageSource) -> Option<Prepared> {
        let name = self.container_name(image).ok()?;
        if !self.store.is_ready(&name) {
            return None;
        }
        let directory = self.store.container(&name)?;
        self.describe(image, &name, directory).ok()
    }

    fn describe(
        &self,
        image: &ImageSource,
        name: &str,
        directory: PathBuf,
    ) -> Result<Prepared, ContainerError> {
        let (settings, image) = (self.udocker.settings(), image.to_string());
        let command = image_command(&directory);
        let baseline = Baseline::of(&directory, command.working_directory.as_deref());
        let guest = match settings.runs {
            Runs::Udocker => None,
            Runs::Native => {
                let guest = Guest::of(&directory, &image, settings.mode, &settings.files)?;
                Some(Arc::new(guest))
            }
        };
        Ok(Prepared {
            image,
            mode: settings.mode,
            undo: Undo::Scratch(baseline),
            guest,
            command,
            name: name.to_owned(),
            directory,
        })
    }

    /// The name the image's container has or will have.
    ///
    /// # Errors
    /// [`ContainerError::Archive`] when the archive cannot be looked at.
    pub fn container_name(&self, image: &ImageSource) -> Result<String, ContainerError> {
        let mode = self.udocker.settings().mode.to_string();
        store::container_name(image, &mode).map_err(|source| match image {
            ImageSource::Archive(path) => ContainerError::Archive {
                path: path.clone(),
                source,
            },
            ImageSource::Registry(_) => ContainerError::io("name a container")(source),
        })
    }

    fn remembered(&self, name: &str) -> Option<Prepared> {
        let mut ready = self.ready.lock().ok()?;
        let prepared = ready.get(name)?;
        if self.store.is_ready(&prepared.name) {
            return Some(prepared.clone());
        }
        // With its claim on the container.
        ready.remove(name);
        None
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
