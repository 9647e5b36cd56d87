//! Brings an image into udocker's store as a container that is ready to run, once.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use nix::fcntl::Flock;

use config::{KeepLayers, Prepare};

use super::{builder::Builder, prepared::Prepared, slots::Slot, store};
use crate::{
    deferred::Deferred,
    engine::{EngineKind, Guest, document::image_command},
    error::ContainerError,
    exec::udocker::Udocker,
    off_thread::off_thread,
    prepare::container_build::{
        ContainerBuild, create_arguments, fetch_arguments, fetch_step, image_reference,
        setup_arguments,
    },
    rollback::{
        journal::Journal,
        policy::{PolicyProbe, RollbackPolicy, Undo},
        scratch::Baseline,
    },
};
use environment::Limits;
use image::ImageSource;

/// Prepares images, and remembers for warm invocations what is ready.
#[derive(Debug)]
pub struct Preparer {
    builder: Builder,
    ready: Mutex<HashMap<String, Prepared>>,
    hygienist: PolicyProbe,
}

impl Preparer {
    /// Nothing is prepared yet.
    pub fn new(udocker: Udocker, by: Prepare, keep_layers: KeepLayers) -> Self {
        Self {
            builder: Builder::new(udocker, by, keep_layers),
            ready: Mutex::default(),
            hygienist: PolicyProbe::default(),
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
        let settings = self.builder.udocker.settings();
        let hygiene = self.hygiene(temp).await?;
        let place = match (hygiene, settings.runs) {
            // Runs do not see each other there. (udocker keeps notes of each run in the container's directory.)
            (RollbackPolicy::Overlay, EngineKind::Native) => first.clone(),
            _ => slot.name(&first),
        };
        if let Some(prepared) = self.remembered(&place, limits).await? {
            return Ok(prepared);
        }
        let lock = tokio::select! {
            lock = self.builder.store.lock() => lock.map_err(ContainerError::io(format!(
                "lock udocker's store {}", settings.store.display())))?,
            why = limits.reached() => {
                let image = image.to_string();
                return Err(ContainerError::Stopped { why, step: "lock", image });
            }
        };
        let (name, claim) = match hygiene {
            RollbackPolicy::Overlay | RollbackPolicy::Scratch => (place.clone(), None),
            RollbackPolicy::Journal => self
                .builder
                .store
                .claim(&place)
                .map_err(ContainerError::io(format!("claim a container of {image}")))?,
        };
        if claim.is_some()
            && self.builder.store.is_ready(&name)
            && Journal::is_unfinished(&self.builder.store.journal(&name))
        {
            tracing::info!("a run was interrupted: the container is rebuilt");
            self.builder.store.clear_ready(&name);
        }
        if !self.builder.store.is_ready(&name) {
            let making = ContainerBuild {
                builder: &self.builder,
                image,
                reference: image_reference(image, &first),
                name: &name,
                temp,
                limits,
            };
            making.make().await?;
        }
        drop(lock);
        let directory = self.builder.store.container(&name).ok_or_else(|| {
            ContainerError::io(format!("find container {name}"))(
                std::io::ErrorKind::NotFound.into(),
            )
        })?;
        let mut prepared = self.describe(image, &name, directory)?;
        match (hygiene, claim) {
            (RollbackPolicy::Overlay, _) => prepared.undo = Undo::Overlay,
            (RollbackPolicy::Journal, Some(claim)) => {
                self.begin_journal(&mut prepared, claim).await;
            }
            _ => {}
        }
        self.ready().insert(place, prepared.clone());
        Ok(prepared)
    }

    /// Takes stock of the container; where that cannot be, it is rebuilt for each run.
    async fn begin_journal(&self, prepared: &mut Prepared, claim: Flock<File>) {
        let root = prepared.directory.join("ROOT");
        let notes = self.builder.store.journal(&prepared.name);
        match off_thread(move || Journal::begin(&root, &notes).map_err(io::Error::other)).await {
            Ok(journal) => prepared.undo = Undo::journal(journal, claim),
            Err(error) => {
                prepared.undo = Undo::Rebuild(Arc::new(claim));
                tracing::warn!(
                    %error,
                    "what runs change in the image cannot be undone here: the container is rebuilt for each run"
                );
            }
        }
    }

    /// What becomes of a run's changes in the image; `temp` is where they would go.
    ///
    /// # Errors
    /// [`ContainerError::Io`] when it could not be found out.
    pub async fn hygiene(&self, temp: &Path) -> Result<RollbackPolicy, ContainerError> {
        let settings = self.builder.udocker.settings();
        self.hygienist.choose(settings, temp).await
    }

    /// The udocker commands a preparation from nothing takes, for `--explain`.
    pub fn steps(&self, image: &ImageSource, name: &str) -> Vec<Vec<OsString>> {
        let settings = self.builder.udocker.settings();
        let mut steps = Vec::new();
        if self.builder.by == Prepare::Udocker {
            let reference = image_reference(image, name);
            steps.push(fetch_arguments(image, &reference));
            steps.push(create_arguments(name, &reference));
        }
        if settings.runs == EngineKind::Udocker {
            steps.push(setup_arguments(settings.mode, name));
        }
        steps
    }

    /// What the supervisor does itself before them, for `--explain`.
    pub fn own_step(&self, image: &ImageSource, name: &str) -> Option<String> {
        let how = fetch_step(image);
        (self.builder.by == Prepare::Native).then(|| format!("{how} {image} into container {name}"))
    }

    /// The container for `image`, if it is prepared already; nothing is made or changed.
    pub fn known(&self, image: &ImageSource) -> Option<Prepared> {
        let name = self.container_name(image).ok()?;
        if !self.builder.store.is_ready(&name) {
            return None;
        }
        let directory = self.builder.store.container(&name)?;
        self.describe(image, &name, directory).ok()
    }

    fn describe(
        &self,
        image: &ImageSource,
        name: &str,
        directory: PathBuf,
    ) -> Result<Prepared, ContainerError> {
        let (settings, image) = (self.builder.udocker.settings(), image.to_string());
        let command = image_command(&directory);
        let baseline = Baseline::of(&directory, command.working_directory.as_deref());
        let guest = match settings.runs {
            EngineKind::Udocker => None,
            EngineKind::Native => {
                let guest = Guest::of(&directory, &image, settings.mode, &settings.files)?;
                Some(Arc::new(guest))
            }
        };
        Ok(Prepared {
            image,
            mode: settings.mode,
            undo: Undo::Scratch(baseline),
            clearing: Arc::default(),
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
        let mode = self.builder.udocker.settings().mode.to_string();
        store::container_name(image, &mode).map_err(|source| match image {
            ImageSource::Archive(path) => ContainerError::Archive {
                path: path.clone(),
                source,
            },
            ImageSource::Registry(_) => ContainerError::io("name a container")(source),
        })
    }

    /// The container as the last run of this process found it, once that is cleared up behind.
    async fn remembered(
        &self,
        place: &str,
        limits: &Limits,
    ) -> Result<Option<Prepared>, ContainerError> {
        let Some(prepared) = self.ready().get(place).cloned() else {
            return Ok(None);
        };
        let cleared = tokio::select! {
            cleared = prepared.clearing.finish() => cleared,
            why = limits.reached() => {
                let image = prepared.image.clone();
                return Err(ContainerError::Stopped { why, step: "clear up", image });
            }
        };
        if cleared.is_ok() && self.builder.store.is_ready(&prepared.name) {
            return Ok(Some(prepared));
        }
        self.builder.store.clear_ready(&prepared.name);
        // With its claim on the container, of which this is the last copy.
        self.ready().remove(place);
        Ok(None)
    }

    /// Starts to clear up behind the runs so far, when nobody waits for their answers any more.
    pub async fn start_clearing(&self) {
        for (_, clearing) in self.clearing() {
            clearing.start().await;
        }
    }

    /// Clears up behind the runs so far.
    pub async fn finish_clearing(&self) {
        for (name, clearing) in self.clearing() {
            if clearing.finish().await.is_err() {
                self.builder.store.clear_ready(&name);
            }
        }
    }

    /// What is cleared up behind each container's runs, by the container's name. Not the containers themselves: who holds one
    /// holds its claim, too.
    fn clearing(&self) -> Vec<(String, Arc<Deferred>)> {
        let ready = self.ready();
        let of = |prepared: &Prepared| (prepared.name.clone(), Arc::clone(&prepared.clearing));
        ready.values().map(of).collect()
    }

    fn ready(&self) -> MutexGuard<'_, HashMap<String, Prepared>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
