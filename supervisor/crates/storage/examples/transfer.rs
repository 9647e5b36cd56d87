//! Downloads many objects at once through the library, as a measuring instrument for `make bench`.
//!
//!     transfer BUCKET PREFIX COUNT SIZE DIRECTORY
//!
//! Fetches `PREFIX0000`, `PREFIX0001`, … of `SIZE` bytes each into `DIRECTORY` and prints the seconds that took, the
//! first connection included. The supervisor itself downloads one object per container, so that many small downloads
//! cannot be timed from outside without the containers. The server is `AWS_ENDPOINT_URL`, as everywhere.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use config::ProviderId;
use config::location::{Bucket, Key};
use environment::{AWS_ENDPOINT_URL, AWS_REGION, Environment};
use futures_util::{StreamExt, TryStreamExt, stream};
use storage::{AwsSettings, Download, Progress, StoreSettings, Stores};

/// Objects on their way at once: as many as stage out uploads.
const OBJECTS: usize = 32;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let texts: Vec<_> = arguments.iter().filter_map(|text| text.to_str()).collect();
    let [_, bucket, prefix, count, size, directory] = texts[..] else {
        anyhow::bail!("usage: transfer BUCKET PREFIX COUNT SIZE DIRECTORY");
    };
    let objects = Objects {
        bucket: Bucket::new(bucket)?,
        prefix,
        count: count.parse().context("COUNT")?,
        size: size.parse().context("SIZE")?,
    };
    // The runtime of the supervisor: one thread.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let start = Instant::now();
    runtime.block_on(objects.download(&stores(), Path::new(directory)))?;
    let seconds = start.elapsed().as_secs_f64();
    writeln!(std::io::stdout(), "{seconds:.6}")?;
    Ok(())
}

fn stores() -> Stores {
    let environment = Environment::from_process();
    let aws = AwsSettings {
        endpoint_url: environment.text(AWS_ENDPOINT_URL),
        region: environment.text(AWS_REGION),
        ..AwsSettings::default()
    };
    Stores::new(StoreSettings {
        aws,
        ..StoreSettings::default()
    })
}

struct Objects<'a> {
    bucket: Bucket,
    prefix: &'a str,
    count: usize,
    size: u64,
}

impl Objects<'_> {
    async fn download(&self, stores: &Stores, directory: &Path) -> anyhow::Result<()> {
        let store = stores.get(&ProviderId::own_role()).await?;
        let progress = Progress::default();
        let (store, progress) = (&store, &progress);
        stream::iter(0..self.count)
            .map(|number| async move {
                let name = format!("{}{number:04}", self.prefix);
                let what = Download {
                    bucket: &self.bucket,
                    key: &Key::new(&name)?,
                    version: None,
                    size_hint: Some(self.size),
                };
                let file = directory.join(format!("{number:04}"));
                store.download(&what, &file, progress).await?;
                anyhow::Ok(())
            })
            .buffer_unordered(OBJECTS)
            .try_collect::<()>()
            .await
    }
}
