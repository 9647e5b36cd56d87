//! Stage out: takes what the container left in its output directory to every output that wants it.

pub(crate) mod listing;

use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use futures_util::{StreamExt, stream::FuturesUnordered};

use crate::plan::OutputTarget;
use listing::{OutputFile, list};
use storage::{Progress, Stores};

pub use listing::list_outputs;

/// Files on their way at once. Small files gain up to here; the stores bound the requests of large ones.
const FILES: usize = 32;

/// A file that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uploaded {
    /// The file, relative to the output directory.
    pub file: PathBuf,
    /// Where it is now: `s3://bucket/key`.
    pub destination: String,
    /// Its size, in bytes.
    pub bytes: u64,
}

/// What arrived, in the order of the files' names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UploadReport {
    /// The files; one that several outputs want is here for each.
    pub uploaded: Vec<Uploaded>,
    /// Bytes uploaded in all.
    pub bytes: u64,
}

/// A file that did not arrive, and why.
#[derive(Debug)]
pub struct FailedUpload {
    /// The file, relative to the output directory.
    pub file: PathBuf,
    /// Where it should be, as far as that is known.
    pub destination: String,
    /// Why it is not there.
    pub reason: String,
}

/// Not everything arrived. All files were tried; the message names every one that failed.
#[derive(Debug, Default)]
pub struct StageOutError {
    /// What did not arrive.
    pub failed: Vec<FailedUpload>,
    /// What did.
    pub uploaded: Vec<Uploaded>,
}

impl fmt::Display for StageOutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (failed, arrived) = (self.failed.len(), self.uploaded.len());
        write!(
            f,
            "{failed} of {} outputs did not arrive:",
            failed + arrived
        )?;
        for FailedUpload { file, reason, .. } in &self.failed {
            write!(f, "\n  {}: {reason}", file.display())?;
        }
        Ok(())
    }
}

impl std::error::Error for StageOutError {}

impl StageOutError {
    /// What arrived all the same.
    pub fn arrived(self) -> UploadReport {
        UploadReport::of(self.uploaded)
    }
}

impl UploadReport {
    fn of(uploaded: Vec<Uploaded>) -> Self {
        let bytes = uploaded.iter().map(|uploaded| uploaded.bytes).sum();
        Self { uploaded, bytes }
    }
}

/// One file for one output.
struct Job<'a> {
    file: &'a OutputFile,
    target: &'a OutputTarget,
}

/// Uploads every regular file below `dir` to each target that accepts it. Every upload is tried.
///
/// # Errors
/// [`StageOutError`] when any file did not arrive or `dir` cannot be read.
pub async fn stage_out(
    stores: &Stores,
    targets: &[OutputTarget],
    dir: &Path,
    progress: &Progress,
) -> Result<UploadReport, StageOutError> {
    if targets.is_empty() {
        return Ok(UploadReport::default());
    }
    let listing = list(dir).map_err(|error| unreadable(dir, &error))?;
    let mut results = upload_all(stores, jobs(&listing.files, targets), progress).await;
    results.sort_by_key(|(place, _)| *place);
    let unread = listing.unreadable.iter().map(|(directory, error)| {
        Err(failed(
            directory,
            String::from("any output"),
            format!("the directory cannot be read: {error}"),
        ))
    });
    report(results.into_iter().map(|(_, result)| result).chain(unread))
}

/// Every file for every output that accepts it.
fn jobs<'a>(files: &'a [OutputFile], targets: &'a [OutputTarget]) -> Vec<Job<'a>> {
    let mut jobs = Vec::new();
    for file in files {
        let name = file.relative.as_os_str().as_bytes();
        for target in targets.iter().filter(|target| target.accepts(name)) {
            jobs.push(Job { file, target });
        }
    }
    jobs
}

/// Each result with the place of its job. (A stream of closures would not be `Send`: the compiler cannot tell.)
async fn upload_all(
    stores: &Stores,
    jobs: Vec<Job<'_>>,
    progress: &Progress,
) -> Vec<(usize, Result<Uploaded, FailedUpload>)> {
    let (mut results, mut running) = (Vec::new(), FuturesUnordered::new());
    let mut waiting = jobs.into_iter().enumerate();
    loop {
        while running.len() < FILES
            && let Some((place, job)) = waiting.next()
        {
            running.push(job.run_at(place, stores, progress));
        }
        match running.next().await {
            Some(result) => results.push(result),
            None => return results,
        }
    }
}

fn report(
    results: impl Iterator<Item = Result<Uploaded, FailedUpload>>,
) -> Result<UploadReport, StageOutError> {
    let mut error = StageOutError::default();
    for result in results {
        match result {
            Ok(uploaded) => error.uploaded.push(uploaded),
            Err(failed) => error.failed.push(failed),
        }
    }
    if !error.failed.is_empty() {
        return Err(error);
    }
    Ok(error.arrived())
}

fn unreadable(dir: &Path, error: &io::Error) -> StageOutError {
    let reason = format!("the output directory cannot be read: {error}");
    let failed = FailedUpload {
        file: dir.to_owned(),
        destination: String::from("any output"),
        reason,
    };
    StageOutError {
        failed: vec![failed],
        uploaded: Vec::new(),
    }
}

impl Job<'_> {
    async fn run_at(
        self,
        place: usize,
        stores: &Stores,
        progress: &Progress,
    ) -> (usize, Result<Uploaded, FailedUpload>) {
        (place, self.run(stores, progress).await)
    }

    async fn run(self, stores: &Stores, progress: &Progress) -> Result<Uploaded, FailedUpload> {
        let Self { file, target } = self;
        let relative = &file.relative;
        let key = target.key_for(relative).map_err(|error| {
            let place = target
                .provider
                .kind
                .url(&target.bucket, &target.prefix_path);
            failed(relative, place, error.to_string())
        })?;
        let destination = target.provider.kind.url(&target.bucket, key.as_str());
        let content_type = mime_guess::from_path(relative)
            .first_raw()
            .unwrap_or("application/octet-stream");
        let sent = async {
            let store = stores.get(&target.provider).await?;
            store
                .upload(&file.source, &target.bucket, &key, content_type, progress)
                .await
        };
        match sent.await {
            Ok(bytes) => {
                tracing::debug!(file = %relative.display(), %destination, bytes, "output uploaded");
                Ok(Uploaded {
                    file: relative.clone(),
                    destination,
                    bytes,
                })
            }
            Err(error) => Err(failed(relative, destination, error.to_string())),
        }
    }
}

fn failed(file: &Path, destination: String, reason: String) -> FailedUpload {
    FailedUpload {
        file: file.to_owned(),
        destination,
        reason,
    }
}
