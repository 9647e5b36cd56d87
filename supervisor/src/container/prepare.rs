//! Brings an image into udocker's store as a container that is ready to run, once.

use std::{
    collections::HashMap,
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Mutex,
};

use crate::{
    config::{ExecMode, KeepLayers},
    environment::Place,
};

use super::{
    ContainerError, ImageSource, Limits,
    clean::Baseline,
    command::ImageCommand,
    store::{self, Store},
    udocker::Udocker,
};

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
    /// What its scratch directories held before the first run.
    pub baseline: Baseline,
}

/// Prepares images, and remembers for warm invocations what is ready.
#[derive(Debug)]
pub struct Preparer {
    udocker: Udocker,
    store: Store,
    keep_layers: KeepLayers,
    ready: Mutex<HashMap<String, Prepared>>,
}

impl Preparer {
    /// Nothing is prepared yet.
    pub fn new(udocker: Udocker, keep_layers: KeepLayers) -> Self {
        let store = Store::new(udocker.settings());
        Self {
            udocker,
            store,
            keep_layers,
            ready: Mutex::default(),
        }
    }

    /// The container for `image`: remembered, found in the store, or made now.
    ///
    /// # Errors
    /// Any of [`ContainerError`]; what a failed step left behind is removed.
    pub async fn prepare(
        &self,
        image: &ImageSource,
        temp: &Path,
        limits: &Limits,
    ) -> Result<Prepared, ContainerError> {
        let name = self.container_name(image)?;
        if let Some(prepared) = self.remembered(&name) {
            return Ok(prepared);
        }
        let lock = tokio::select! {
            lock = self.store.lock() => lock.map_err(ContainerError::io(format!(
                "lock udocker's store {}", self.udocker.settings().store.display())))?,
            why = limits.reached() => {
                let image = image.to_string();
                return Err(ContainerError::Stopped { why, step: "lock", image });
            }
        };
        if !self.store.is_ready(&name) {
            let making = Making {
                preparer: self,
                image,
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
        let prepared = self.describe(image, &name, directory);
        if let Ok(mut ready) = self.ready.lock() {
            ready.insert(name, prepared.clone());
        }
        Ok(prepared)
    }

    /// The udocker commands a preparation from nothing takes, for `--explain`.
    pub fn steps(&self, image: &ImageSource, name: &str) -> Vec<Vec<OsString>> {
        let reference = image_reference(image, name);
        vec![
            fetch_arguments(image, &reference),
            create_arguments(name, &reference),
            setup_arguments(self.udocker.settings().mode, name),
        ]
    }

    /// The container for `image`, if it is prepared already; nothing is made or changed.
    pub fn known(&self, image: &ImageSource) -> Option<Prepared> {
        let name = self.container_name(image).ok()?;
        if !self.store.is_ready(&name) {
            return None;
        }
        let directory = self.store.container(&name)?;
        Some(self.describe(image, &name, directory))
    }

    fn describe(&self, image: &ImageSource, name: &str, directory: PathBuf) -> Prepared {
        let command = store::image_command(&directory);
        Prepared {
            image: image.to_string(),
            mode: self.udocker.settings().mode,
            baseline: Baseline::of(&directory, command.working_directory.as_deref()),
            command,
            name: name.to_owned(),
            directory,
        }
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
        let ready = self.ready.lock().ok()?;
        let prepared = ready.get(name)?;
        prepared
            .directory
            .join("ROOT")
            .is_dir()
            .then(|| prepared.clone())
    }

    fn keeps_layers(&self) -> bool {
        match self.keep_layers {
            KeepLayers::Keep => true,
            KeepLayers::Drop => false,
            KeepLayers::Default => self.udocker.settings().place == Place::Terminal,
        }
    }
}

/// One preparation, under the store's lock.
struct Making<'a> {
    preparer: &'a Preparer,
    image: &'a ImageSource,
    name: &'a str,
    temp: &'a Path,
    limits: &'a Limits,
}

impl Making<'_> {
    async fn make(&self) -> Result<(), ContainerError> {
        let store = &self.preparer.store;
        store.clear_ready(self.name);
        let reference = image_reference(self.image, self.name);
        store.end_creating(&reference, false);
        if store.has_name(self.name) {
            self.step("rm", &["rm".into(), "-f".into(), self.name.into()])
                .await?;
        }
        self.fetch(&reference).await?;
        self.create(&reference).await?;
        let mode = self.preparer.udocker.settings().mode;
        self.step("setup", &setup_arguments(mode, self.name))
            .await?;
        if !self.preparer.keeps_layers() {
            self.remove_image(&reference).await;
        }
        store
            .set_ready(self.name)
            .map_err(ContainerError::io("note that the image is prepared"))
    }

    async fn fetch(&self, reference: &str) -> Result<(), ContainerError> {
        let store = &self.preparer.store;
        let fetched = match self.image {
            ImageSource::Registry(_) if store.has_image(reference) => return Ok(()),
            ImageSource::Registry(_) => {
                self.step("pull", &fetch_arguments(self.image, reference))
                    .await
            }
            ImageSource::Archive(_) => {
                if store.has_repo(reference) {
                    self.remove_image(reference).await;
                }
                self.step("load", &fetch_arguments(self.image, reference))
                    .await
            }
        };
        match fetched {
            Err(error) => {
                self.remove_image(reference).await;
                Err(error)
            }
            Ok(message) if !store.has_image(reference) => {
                let step = match self.image {
                    ImageSource::Registry(_) => "pull",
                    ImageSource::Archive(_) => "load",
                };
                Err(self.incomplete(step, message))
            }
            Ok(_) => Ok(()),
        }
    }

    async fn create(&self, reference: &str) -> Result<(), ContainerError> {
        let store = &self.preparer.store;
        // Should we be killed meanwhile, the next preparation finds what to remove.
        let before = store.container_dirs();
        store
            .begin_creating(&before)
            .map_err(ContainerError::io("note what udocker's store holds"))?;
        let created = self
            .step("create", &create_arguments(self.name, reference))
            .await;
        let created = match created {
            Ok(_) if store.container(self.name).is_some() => Ok(()),
            Ok(message) => Err(self.incomplete("create", message)),
            Err(error) => Err(error),
        };
        store.end_creating(reference, created.is_ok());
        created
    }

    async fn remove_image(&self, reference: &str) {
        let arguments = ["rmi".into(), "-f".into(), reference.into()];
        // Cleaning up must not be cut short by the deadline that may have caused it.
        let limits = Limits {
            deadline: Some(tokio::time::Instant::now() + std::time::Duration::from_secs(2)),
            grace: self.limits.grace,
            cancelled: tokio::sync::watch::channel(None).1,
        };
        let removed = self
            .preparer
            .udocker
            .step("rmi", reference, &arguments, self.temp, &limits)
            .await;
        if let Err(error) = removed {
            tracing::debug!(%error, "cannot remove an image from the store");
        }
    }

    async fn step(
        &self,
        step: &'static str,
        arguments: &[OsString],
    ) -> Result<String, ContainerError> {
        tracing::info!(image = %self.image, "udocker {step}");
        let image = self.image.to_string();
        self.preparer
            .udocker
            .step(step, &image, arguments, self.temp, self.limits)
            .await
    }

    /// udocker said it succeeded, but the store says otherwise.
    fn incomplete(&self, step: &'static str, message: String) -> ContainerError {
        ContainerError::Step {
            step,
            image: self.image.to_string(),
            status: "exit status: 0, but the store does not have it".to_owned(),
            message,
            hint: "; set UDOCKER_LOGLEVEL=4 to see what udocker does",
        }
    }
}

/// What udocker calls the image: archives get a name of ours, whatever is written in them.
fn image_reference(image: &ImageSource, name: &str) -> String {
    match image {
        ImageSource::Registry(name) => name.trim_start_matches("docker://").to_owned(),
        ImageSource::Archive(_) => format!("faas/{name}"),
    }
}

fn fetch_arguments(image: &ImageSource, reference: &str) -> Vec<OsString> {
    match image {
        ImageSource::Registry(_) => vec!["pull".into(), reference.into()],
        ImageSource::Archive(path) => {
            vec!["load".into(), "-i".into(), path.into(), reference.into()]
        }
    }
}

fn create_arguments(name: &str, reference: &str) -> Vec<OsString> {
    vec![
        "create".into(),
        format!("--name={name}").into(),
        reference.into(),
    ]
}

fn setup_arguments(mode: ExecMode, name: &str) -> Vec<OsString> {
    vec![
        "setup".into(),
        format!("--execmode={mode}").into(),
        name.into(),
    ]
}
