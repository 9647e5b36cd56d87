//! One object into one file: the first range tells the size, the rest is fetched in parallel ranges that are written
//! where they belong as they arrive. A range whose body breaks off is resumed at the byte where it broke.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::OwnedSemaphorePermit;

use super::classify::{classify, is_unsatisfiable_range};
use super::{PER_OBJECT, S3Store, retry};
use crate::storage::error::{Operation, StorageError, Target, chain};
use crate::storage::part_file::{PartFile, ensure_space, write_error};
use crate::storage::{Download, Progress};

/// Bytes per range. Small enough to keep all connections busy to the end, large enough that the requests
/// themselves cost nothing.
const RANGE: u64 = 8 * 1024 * 1024;

type GetError = SdkError<GetObjectError, HttpResponse>;

/// See [`ObjectStore::download`](crate::storage::ObjectStore::download).
pub(super) async fn download(
    store: &S3Store,
    what: &Download<'_>,
    destination: &Path,
    progress: &Progress,
) -> Result<u64, StorageError> {
    let target = *store.target(Operation::Download, what.bucket, what.key);
    let (first, object) = Object::open(store, what, target).await?;
    let total = object.total;
    ensure_space(&object.target, destination, total)?;
    let part = PartFile::create(destination)
        .map_err(|error| write_error(&object.target, destination, total, error))?;

    let sink = Sink {
        file: part.file(),
        destination,
        progress,
    };
    let first_end = first.end.min(total);
    let rest = ranges(first_end..total).map(|range| (range, None));
    stream::iter(std::iter::once((0..first_end, Some(first))).chain(rest))
        .map(|(range, answer)| object.fetch(range, answer, &sink))
        .buffer_unordered(PER_OBJECT)
        .try_collect::<()>()
        .await?;

    part.commit(total)
        .map_err(|error| write_error(&object.target, destination, total, error))?;
    Ok(total)
}

/// Cuts what is left of an object into ranges.
fn ranges(rest: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let step = usize::try_from(RANGE).unwrap_or(usize::MAX);
    rest.clone()
        .step_by(step)
        .map(move |start| start..rest.end.min(start + RANGE))
}

/// The object as the first answer showed it.
struct Object<'a> {
    store: &'a S3Store,
    what: &'a Download<'a>,
    target: Target,
    version: Option<String>,
    etag: Option<String>,
    total: u64,
}

/// A response whose body covers the object from `start`, up to `end` if it arrives whole.
struct Answer {
    body: ByteStream,
    start: u64,
    end: u64,
    _turn: Option<OwnedSemaphorePermit>,
}

/// Where the bytes go.
struct Sink<'a> {
    file: &'a File,
    destination: &'a Path,
    progress: &'a Progress,
}

/// Why a body ended early.
enum Broken {
    Stream(String),
    Disk(std::io::Error),
}

impl<'a> Object<'a> {
    /// Asks for the beginning of the object, which tells all about it: no `HeadObject` first.
    async fn open(
        store: &'a S3Store,
        what: &'a Download<'a>,
        target: Target,
    ) -> Result<(Answer, Self), StorageError> {
        let turn = store.turn().await;
        let (output, version) = first_answer(store, what, &target).await?;
        let length = output
            .content_length()
            .and_then(|length| u64::try_from(length).ok());
        let (start, end, total) = match output.content_range().map(parse_content_range) {
            Some(Some((start, end, total))) => (start, end, total),
            None if length.is_some() => (0, length.unwrap_or(0), length.unwrap_or(0)),
            _ => {
                let detail = String::from("the store did not tell the object's size");
                return Err(StorageError::Other {
                    target: Box::new(target),
                    detail,
                });
            }
        };
        let etag = output.e_tag;
        let answer = Answer {
            body: output.body,
            start,
            end,
            _turn: turn,
        };
        Ok((
            answer,
            Self {
                store,
                what,
                target,
                version,
                etag,
                total,
            },
        ))
    }

    /// Fetches one range into the file, whatever number of answers that takes.
    async fn fetch(
        &self,
        range: Range<u64>,
        mut answer: Option<Answer>,
        sink: &Sink<'_>,
    ) -> Result<(), StorageError> {
        let mut at = range.start;
        let mut failures = 0;
        loop {
            let answer = match answer.take() {
                Some(answer) => answer,
                None => self.get(at..range.end).await?,
            };
            let detail = match sink.drain(answer, &mut at, range.end).await {
                Ok(()) if at == range.end => return Ok(()),
                Ok(()) => String::from("the body ended early"),
                Err(Broken::Stream(detail)) => detail,
                Err(Broken::Disk(error)) => {
                    return Err(write_error(
                        &self.target,
                        sink.destination,
                        self.total,
                        error,
                    ));
                }
            };
            failures += 1;
            if failures == retry::ATTEMPTS {
                let detail = format!(
                    "{detail}, at byte {at} of {} in {failures} tries",
                    self.total
                );
                return Err(StorageError::Unreachable {
                    target: Box::new(self.target.clone()),
                    detail,
                });
            }
            tracing::debug!(object = %self.target, at, %detail, "download broke off: resuming");
            if at == range.end {
                // All bytes came, then the checksum was wrong: none of them counts.
                sink.progress.take_back(at - range.start);
                at = range.start;
            }
            retry::back_off(failures).await;
        }
    }

    /// Asks for a range of the very content that the first answer was about.
    async fn get(&self, range: Range<u64>) -> Result<Answer, StorageError> {
        let turn = self.store.turn().await;
        let output = request(self.store, self.what)
            .set_version_id(self.version.clone())
            .set_if_match(self.etag.clone())
            .range(format!(
                "bytes={}-{}",
                range.start,
                range.end.saturating_sub(1)
            ))
            .send()
            .await
            .map_err(|error| classify(&self.target, &error))?;
        if self.etag.is_some() && output.e_tag != self.etag {
            return Err(StorageError::Changed {
                target: Box::new(self.target.clone()),
            });
        }
        // A store that ignores ranges sends the object from its beginning.
        let (start, end, _) = output
            .content_range()
            .and_then(parse_content_range)
            .unwrap_or((0, self.total, self.total));
        Ok(Answer {
            body: output.body,
            start,
            end,
            _turn: turn,
        })
    }
}

impl Sink<'_> {
    /// Writes a body to the file from byte `at` on and moves `at` along.
    async fn drain(&self, answer: Answer, at: &mut u64, end: u64) -> Result<(), Broken> {
        let mut body = answer.body;
        let mut position = answer.start;
        if position > *at {
            return Err(Broken::Stream(String::from(
                "the store sent another range than asked for",
            )));
        }
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| Broken::Stream(chain(&error)))?;
            let known = usize::try_from(*at - position)
                .unwrap_or(usize::MAX)
                .min(chunk.len());
            position += known as u64;
            let new = &chunk[known..];
            if *at + new.len() as u64 > end {
                return Err(Broken::Stream(String::from(
                    "the store sent more than asked for",
                )));
            }
            // Written on this thread: the page cache takes a chunk in less time than a hand-over costs.
            self.file.write_all_at(new, *at).map_err(Broken::Disk)?;
            *at += new.len() as u64;
            position += new.len() as u64;
            self.progress.add(new.len() as u64);
        }
        Ok(())
    }
}

/// The first request: a range where the object may be large, the whole object where the event says that it is
/// small (S3 sends a checksum then, which the SDK verifies) and where it turns out to be empty.
async fn first_answer(
    store: &S3Store,
    what: &Download<'_>,
    target: &Target,
) -> Result<(GetObjectOutput, Option<String>), StorageError> {
    let wanted = what.version.map(str::to_owned);
    let error = match beginning(store, what, wanted.clone()).await {
        Ok(output) => return Ok((output, wanted)),
        Err(error) => classify(target, &error),
    };
    if !matches!(error, StorageError::AccessDenied { .. }) || wanted.is_none() {
        return Err(error);
    }
    // Reading a version by its identifier takes s3:GetObjectVersion. Mostly it is the latest one, which
    // s3:GetObject is enough for.
    tracing::debug!(object = %target, "the version may not be read by its identifier: trying the latest");
    match beginning(store, what, None).await {
        Ok(output) if output.version_id == wanted => Ok((output, None)),
        _ => Err(error),
    }
}

async fn beginning(
    store: &S3Store,
    what: &Download<'_>,
    version: Option<String>,
) -> Result<GetObjectOutput, GetError> {
    let whole = request(store, what).set_version_id(version);
    if what.size_hint.is_some_and(|size| size <= RANGE) {
        return whole.send().await;
    }
    match whole
        .clone()
        .range(format!("bytes=0-{}", RANGE - 1))
        .send()
        .await
    {
        Err(error) if is_unsatisfiable_range(&error) => whole.send().await,
        result => result,
    }
}

fn request(
    store: &S3Store,
    what: &Download<'_>,
) -> aws_sdk_s3::operation::get_object::builders::GetObjectFluentBuilder {
    store
        .client
        .get_object()
        .bucket(what.bucket.as_str())
        .key(what.key.as_str())
}

/// `bytes 0-499/1234` (RFC 9110, 14.4) as start, end (exclusive) and total.
fn parse_content_range(value: &str) -> Option<(u64, u64, u64)> {
    let (range, total) = value.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (start, end) = (
        first.parse().ok()?,
        last.parse::<u64>().ok()?.checked_add(1)?,
    );
    let total = total.parse().ok()?;
    (start <= end && end <= total).then_some((start, end, total))
}
