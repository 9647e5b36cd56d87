//! Prepares an image through the library, as a measuring instrument for `make bench`.
//!
//!     prepare IMAGE|FILE STORE
//!
//! Pulls `IMAGE`, or loads the archive `FILE`, into a container below `STORE` without keeping the layers, and prints the
//! peak of the memory it had, in kB: the supervisor itself goes on to set the container up and to run it, so that its
//! preparation cannot be timed from outside alone. The registry is `UDOCKER_REGISTRY`, as everywhere.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use environment::Limits;
use image::ImageSource;
use image::{self, Keep, PrepareRequest, RegistrySettings, StoreName, StorePaths};
use tokio::sync::watch;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let [_, image, store] = &arguments[..] else {
        anyhow::bail!("usage: prepare IMAGE|FILE STORE");
    };
    let image = if Path::new(image).is_file() {
        ImageSource::Archive(image.into())
    } else {
        ImageSource::Registry(image.to_string_lossy().into_owned())
    };
    // The runtime of the supervisor: one thread.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(prepare(&image, Path::new(store)))?;
    writeln!(std::io::stdout(), "{}", peak_kb()?)?;
    Ok(())
}

async fn prepare(image: &ImageSource, store: &Path) -> anyhow::Result<()> {
    let store = StorePaths {
        repos: store.join("repos"),
        layers: store.join("layers"),
        containers: store.join("containers"),
    };
    let registry = RegistrySettings {
        mirror: std::env::var("UDOCKER_REGISTRY").ok(),
        ..RegistrySettings::default()
    };
    let order = PrepareRequest {
        image,
        name: StoreName::of("bench:latest"),
        container: "bench",
        directory: &image::unique_id(),
        keep: Keep::Nothing,
        store: &store,
        registry: &registry,
    };
    let (_sender, cancelled) = watch::channel(None);
    let limits = Limits {
        deadline: None,
        grace: Duration::ZERO,
        cancelled,
    };
    match image::prepare(&order, &limits).await {
        Ok(()) => Ok(()),
        Err(failure) => anyhow::bail!("{failure:?}"),
    }
}

/// The most memory this process has had at once (`proc_pid_status(5)`, `VmHWM`).
fn peak_kb() -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let line = line.context("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
