//! One object into one file: the first range tells the size, the rest is fetched in parallel ranges that are written
//! where they belong as they arrive. A range whose body breaks off is resumed at the byte where it broke.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use aws_sdk_s3::primitives::ByteStream;
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::OwnedSemaphorePermit;

use super::classify::classify;
use super::first::{first_answer, request};
use super::{PER_OBJECT, RANGE, S3Store};
use crate::{
    Download, Progress,
    content_range::parse_content_range,
    error::{Operation, StorageError, Target},
    part_file::{PartFile, ensure_space, write_error},
    retry::TRANSFER,
};
use net::error::chain;

/// Most bytes of a range: what comes in late when the last connection is the slowest.
const LARGEST_RANGE: u64 = 64 * 1024 * 1024;
/// Ranges a large object is cut into, as far as their size allows: a few for each connection, so that all are busy
/// nearly to the end, and no more, because some servers work as long on a request as on its bytes.
const RANGES: u64 = 32;

/// See [`ObjectStore::download`](crate::ObjectStore::download).
pub(super) async fn download(
    store: &S3Store,
    what: &Download<'_>,
    destination: &Path,
    progress: &Progress,
) -> Result<u64, StorageError> {
    let target = store.target(Operation::Download, what.bucket, what.key);
    let (first, object) = Object::open(store, what, target).await?;
    let total = object.total;
    ensure_space(&object.target, destination, total)?;
    progress.expect(total);
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
    let size = (rest.end / RANGES).clamp(RANGE, LARGEST_RANGE);
    let step = usize::try_from(size).unwrap_or(usize::MAX);
    let end = rest.end;
    rest.step_by(step)
        .map(move |start| start..end.min(start + size))
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
        let mut pauses = TRANSFER.pauses();
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
            let Some(pause) = pauses.next() else {
                let detail = format!(
                    "{detail}, at byte {at} of {} in {} tries",
                    self.total,
                    pauses.tries()
                );
                return Err(StorageError::Unreachable {
                    target: Box::new(self.target.clone()),
                    detail,
                });
            };
            tracing::debug!(object = %self.target, at, %detail, "download broke off: resuming");
            if at == range.end {
                // All bytes came, then the checksum was wrong: none of them counts.
                sink.progress.take_back(at - range.start);
                at = range.start;
            }
            tokio::time::sleep(pause).await;
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
