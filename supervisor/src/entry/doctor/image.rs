//! Findings about the configured image: whether it can be pulled, and which engine runs its programs.

use std::time::Duration;

use indicatif::HumanBytes;

use crate::invocation::{Services, image_source};
use container::engine::{Guest, guest::Means, guest_os};
use image::{ImageSource, look_up};

use super::finding::{Finding, Verdict};

/// A registry that does not answer in this time is out of reach.
const PATIENCE: Duration = Duration::from_secs(15);

/// Nothing where no image is configured.
pub(super) async fn findings(services: &Services) -> Vec<Finding> {
    let Some(image) = image_source(services.config()) else {
        let found = "none named (--image or container.image)";
        return vec![Finding::new("image", Verdict::Note, found)];
    };
    let source = match &image {
        ImageSource::Registry(name) => registry(services, name).await,
        ImageSource::Archive(path) => match std::fs::metadata(path) {
            Ok(meta) => {
                let found = format!("{}, {}", path.display(), HumanBytes(meta.len()));
                Finding::new("image", Verdict::Good, found)
            }
            Err(error) => {
                let found = format!("{}: {error}", path.display());
                Finding::new("image", Verdict::Bad, found)
            }
        },
    };
    vec![source, inside(services, &image)]
}

async fn registry(services: &Services, name: &str) -> Finding {
    let settings = &services.udocker().settings().registry;
    match tokio::time::timeout(PATIENCE, Box::pin(look_up(name, settings))).await {
        Ok(Ok(offer)) => {
            let (layers, bytes) = (offer.layers, HumanBytes(offer.bytes));
            let found = format!("{name}: {layers} layers, {bytes} to download");
            Finding::new("image", Verdict::Good, found)
        }
        Ok(Err(error)) => Finding::new("image", Verdict::Bad, format!("{name}: {error}")),
        Err(_) => {
            let seconds = PATIENCE.as_secs();
            let found = format!("{name}: the registry did not answer within {seconds} seconds");
            Finding::new("image", Verdict::Bad, found)
        }
    }
}

/// What is known once the image has been unpacked.
fn inside(services: &Services, image: &ImageSource) -> Finding {
    const NAME: &str = "inside the image";
    let Some(prepared) = services.preparer().known(image) else {
        let found = "not prepared here yet: its C library is known after the first run";
        return Finding::new(NAME, Verdict::Note, found);
    };
    let root = prepared.directory.join("ROOT");
    let libc = guest_os::Libc::of(&root);
    let what = match guest_os::distribution(&root) {
        Some((name, version)) => format!("{name} {version}, {libc}"),
        None => libc.to_string(),
    };
    let files = &services.udocker().settings().files;
    match Guest::of(&prepared.directory, &prepared.image, prepared.mode, files) {
        Ok(guest) => match guest.engine {
            Means::Fakechroot(preload) => {
                let library = preload.library.display();
                Finding::new(NAME, Verdict::Good, format!("{what}: {library}"))
            }
            Means::Proot { program, .. } => Finding::new(
                NAME,
                Verdict::Good,
                format!("{what}: {}", program.display()),
            ),
        },
        Err(error) => Finding::new(NAME, Verdict::Note, format!("{what}: {error}")),
    }
}
