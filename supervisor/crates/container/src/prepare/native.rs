//! The part of a preparation that the supervisor does itself: everything but udocker's `setup`.

use image::{self, Failure, PrepareRequest, StoreName};

use super::store::New;
use crate::{
    error::ContainerError,
    prepare::container_build::{ContainerBuild, fetch_step},
};

impl ContainerBuild<'_> {
    /// From the image to a container that has its name.
    pub(crate) async fn pull_and_unpack(&self) -> Result<(), ContainerError> {
        let reference = self.reference.as_str();
        let step = fetch_step(self.image);
        tracing::info!(image = %self.image, "{step}");
        let preparer = self.builder;
        let settings = preparer.udocker.settings();
        let order = PrepareRequest {
            image: self.image,
            name: StoreName::of(reference),
            container: self.name,
            directory: &image::unique_id(),
            keep: preparer.keep(self.image),
            store: &settings.store_paths(),
            registry: &settings.registry,
        };
        // Should we be killed meanwhile, the next preparation finds what to remove.
        preparer
            .store
            .begin_creating(reference, &New::Called(order.directory))
            .map_err(ContainerError::io("note what udocker's store holds"))?;
        let made = image::prepare(&order, self.limits).await;
        self.end_creating(made.is_ok()).await;
        made.map_err(|failure| self.failure(failure, step))
    }

    pub(crate) fn failure(&self, failure: Failure, step: &'static str) -> ContainerError {
        let image = self.image.to_string();
        match failure {
            Failure::Image(source) => ContainerError::Image {
                step,
                image,
                source,
            },
            Failure::NoRoom { path, needed, free } => ContainerError::NoSpace {
                step,
                image,
                path,
                needed,
                free,
            },
            Failure::Stopped(why) => ContainerError::Stopped { why, step, image },
        }
    }
}
