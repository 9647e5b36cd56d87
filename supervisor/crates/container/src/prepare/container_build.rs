//! One preparation, from an image's name or archive to a container that is set up, under the store's lock; each udocker
//! command it takes is checked against the store.

use std::{ffi::OsString, path::Path, time::Duration};

use tokio::{sync::watch, time::Instant};

use config::{Prepare, UdockerMode};
use image::room;

use super::{builder::Builder, store::New};
use crate::{
    engine::{EngineKind, command::Family, setup},
    error::ContainerError,
    off_thread::off_thread,
    rollback::{self, journal::Journal},
};
use environment::Limits;
use image::ImageSource;

/// Cleaning up after a failure may take this long, whatever the deadline.
const CLEAN_UP_LIMIT: Duration = Duration::from_secs(2);

/// One preparation, under the store's lock.
pub(crate) struct ContainerBuild<'a> {
    pub(crate) builder: &'a Builder,
    pub(crate) image: &'a ImageSource,
    /// What udocker calls the image.
    pub(crate) reference: String,
    /// What the container will be called.
    pub(crate) name: &'a str,
    pub(crate) temp: &'a Path,
    pub(crate) limits: &'a Limits,
}

impl ContainerBuild<'_> {
    pub(crate) async fn make(&self) -> Result<(), ContainerError> {
        let (store, began) = (&self.builder.store, Instant::now());
        store.clear_ready(self.name);
        self.end_creating(false).await;
        if store.has_name(self.name) {
            self.remove_container().await?;
        }
        self.discard_additions().await?;
        match self.builder.by {
            Prepare::Native => self.pull_and_unpack().await?,
            Prepare::Udocker => {
                self.fetch().await?;
                self.create().await?;
            }
        }
        self.set_up().await?;
        let by_udocker = self.builder.by == Prepare::Udocker || self.runs() == EngineKind::Udocker;
        if by_udocker && !self.builder.keeps_layers() && store.has_repo(&self.reference) {
            self.remove_image().await;
        }
        // What is known of the runs of another container of that name.
        let journal = store.journal(self.name);
        if journal.exists()
            && let Err(error) = Journal::renewed(&journal)
        {
            tracing::debug!(%error, "a journal that cannot be used is removed");
            rollback::scratch::remove(&journal);
        }
        store
            .set_ready(self.name, began.elapsed())
            .map_err(ContainerError::io("note that the image is prepared"))
    }

    /// What a run that was interrupted has added to another container of that name takes the room that this one needs.
    async fn discard_additions(&self) -> Result<(), ContainerError> {
        let journal = self.builder.store.journal(self.name);
        let discarded = off_thread(move || {
            Journal::discard_additions(&journal);
            Ok(())
        });
        discarded.await.map_err(ContainerError::io(format!(
            "remove what a run added to container {}",
            self.name
        )))
    }

    fn runs(&self) -> EngineKind {
        self.builder.udocker.settings().runs
    }

    /// Not by udocker, which knows no container behind a name that an interrupted removal has left.
    async fn remove_container(&self) -> Result<(), ContainerError> {
        let (store, name) = (self.builder.store.clone(), self.name.to_owned());
        let removed = off_thread(move || store.remove_container(&name)).await;
        removed.map_err(ContainerError::io(format!(
            "remove container {}",
            self.name
        )))
    }

    /// Makes the container fit for the mode, as udocker does it.
    async fn set_up(&self) -> Result<(), ContainerError> {
        let mode = self.builder.udocker.settings().mode;
        let directory = self.builder.store.container(self.name);
        let by_udocker = self.runs() == EngineKind::Udocker;
        if by_udocker {
            let arguments = setup_arguments(mode, self.name);
            self.step("setup", &arguments).await?;
        }
        let set_up = move || {
            let directory = directory.ok_or(std::io::ErrorKind::NotFound)?;
            if !by_udocker {
                setup::set_up(&directory, mode)?;
            }
            if Family::of(mode) == Family::Preload {
                setup::make_devices(&directory);
            }
            Ok(())
        };
        let done = off_thread(set_up).await;
        done.map_err(ContainerError::io(format!(
            "set up container {}",
            self.name
        )))
    }

    async fn fetch(&self) -> Result<(), ContainerError> {
        let reference = self.reference.as_str();
        let store = &self.builder.store;
        let fetched = match self.image {
            ImageSource::Registry(_) if store.has_image(reference) => return Ok(()),
            ImageSource::Registry(_) => {
                self.step("pull", &fetch_arguments(self.image, reference))
                    .await
            }
            // For another container of the same archive.
            ImageSource::Archive(_)
                if self.builder.has_loaded(reference) && store.has_image(reference) =>
            {
                return Ok(());
            }
            ImageSource::Archive(_) => {
                if store.has_repo(reference) {
                    self.remove_image().await;
                }
                self.check_room()?;
                self.step("load", &fetch_arguments(self.image, reference))
                    .await
            }
        };
        match fetched {
            Err(error) => {
                self.remove_image().await;
                Err(error)
            }
            Ok(message) if !store.has_image(reference) => {
                Err(self.incomplete(fetch_step(self.image), message))
            }
            Ok(_) => {
                self.builder.set_loaded(reference);
                Ok(())
            }
        }
    }

    /// An archive's layers are copied into the store before they are unpacked: what has no room for the copy has none for
    /// the container.
    fn check_room(&self) -> Result<(), ContainerError> {
        let ImageSource::Archive(archive) = self.image else {
            return Ok(());
        };
        let layers = &self.builder.udocker.settings().layers;
        let size = std::fs::metadata(archive).map_or(0, |archive| archive.len());
        room::expect(layers, size).map_err(|failure| self.failure(failure, "load"))
    }

    async fn create(&self) -> Result<(), ContainerError> {
        let reference = self.reference.as_str();
        let store = &self.builder.store;
        // Should we be killed meanwhile, the next preparation finds what to remove.
        let before = store.container_dirs();
        store
            .begin_creating(reference, &New::NotAmong(&before))
            .map_err(ContainerError::io("note what udocker's store holds"))?;
        let created = self
            .step("create", &create_arguments(self.name, reference))
            .await;
        let created = match created {
            Ok(_) if store.container(self.name).is_some() => Ok(()),
            Ok(message) => Err(self.incomplete("create", message)),
            Err(error) => Err(error),
        };
        self.end_creating(created.is_ok()).await;
        created
    }

    /// Takes the note back, and removes what an incomplete creation left.
    pub(crate) async fn end_creating(&self, complete: bool) {
        let store = self.builder.store.clone();
        let ended = off_thread(move || {
            store.end_creating(complete);
            Ok(())
        });
        if let Err(error) = ended.await {
            tracing::debug!(%error, "cannot remove what a preparation left");
        }
    }

    async fn remove_image(&self) {
        let reference = self.reference.as_str();
        let arguments = ["rmi".into(), "-f".into(), reference.into()];
        // Cleaning up must not be cut short by the deadline that may have caused it.
        let limits = Limits {
            deadline: Some(Instant::now() + CLEAN_UP_LIMIT),
            grace: self.limits.grace,
            cancelled: watch::channel(None).1,
        };
        let removed = self
            .builder
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
        self.builder
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
pub(crate) fn image_reference(image: &ImageSource, name: &str) -> String {
    match image {
        ImageSource::Registry(name) => name.trim_start_matches("docker://").to_owned(),
        ImageSource::Archive(_) => format!("faas/{name}"),
    }
}

/// What bringing the image into the store is called.
pub(crate) fn fetch_step(image: &ImageSource) -> &'static str {
    match image {
        ImageSource::Registry(_) => "pull",
        ImageSource::Archive(_) => "load",
    }
}

pub(crate) fn fetch_arguments(image: &ImageSource, reference: &str) -> Vec<OsString> {
    match image {
        ImageSource::Registry(_) => vec!["pull".into(), reference.into()],
        ImageSource::Archive(path) => {
            vec!["load".into(), "-i".into(), path.into(), reference.into()]
        }
    }
}

pub(crate) fn create_arguments(name: &str, reference: &str) -> Vec<OsString> {
    vec![
        "create".into(),
        format!("--name={name}").into(),
        reference.into(),
    ]
}

pub(crate) fn setup_arguments(mode: UdockerMode, name: &str) -> Vec<OsString> {
    vec![
        "setup".into(),
        format!("--execmode={mode}").into(),
        name.into(),
    ]
}
