//! One file of a server into one file here. A body that breaks off is resumed where it broke, if the server says that
//! the file is still the same one.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use http::header::{
    ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderValue, IF_RANGE, LAST_MODIFIED,
    RANGE,
};
use http::{HeaderMap, Method, Response, StatusCode};

use super::answer::refusal;
use super::{Ask, Place, STALLED, Server};
use crate::{
    Progress,
    content_range::parse_content_range,
    error::{StorageError, Target},
    part_file::{PartFile, ensure_space, write_error},
    retry::TRANSFER,
};
use net::error::chain;

/// Bytes after which a broken body's earlier failures are forgotten: a long download may break often.
const FORGIVEN: u64 = 8 * 1024 * 1024;

/// See [`ObjectStore::download`](crate::ObjectStore::download).
pub(crate) async fn download(
    server: &Server,
    target: &Target,
    destination: &Path,
    progress: &Progress,
) -> Result<u64, StorageError> {
    let place = Place::of(target)?;
    let _turn = server.turn().await;
    let ask = Ask::new(Method::GET, server.url(&place))
        .header(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let response = server.send(&ask, target).await?.response;
    if response.status() != StatusCode::OK {
        return Err(refusal(response, target).await);
    }
    let known = Known::of(response.headers());
    let needed = known.total.unwrap_or(0);
    ensure_space(target, destination, needed)?;
    progress.expect(needed);
    let failed = |error| write_error(target, destination, needed, error);
    let part = PartFile::create(destination).map_err(failed)?;
    let mut transfer = Transfer {
        server,
        target,
        ask,
        known,
        file: part.file(),
        destination,
        progress,
        at: 0,
    };
    let size = transfer.run(response).await?;
    part.commit(size).map_err(failed)?;
    Ok(size)
}

/// What the first answer said of the file.
struct Known {
    total: Option<u64>,
    /// What tells this content from any other: a strong tag, else the time of the last change (RFC 9110, 13.1.5).
    validator: Option<HeaderValue>,
}

impl Known {
    fn of(headers: &HeaderMap) -> Self {
        let number = |value: &HeaderValue| value.to_str().ok()?.parse().ok();
        let strong = |tag: &&HeaderValue| tag.as_bytes().starts_with(b"\"");
        let tag = headers.get(ETAG).filter(strong);
        Self {
            total: headers.get(CONTENT_LENGTH).and_then(number),
            validator: tag.or_else(|| headers.get(LAST_MODIFIED)).cloned(),
        }
    }

    /// Whether another answer is about the same content, as far as it says.
    fn same(&self, headers: &HeaderMap) -> bool {
        let Self { validator, .. } = Self::of(headers);
        validator.is_none() || validator == self.validator
    }
}

struct Transfer<'a> {
    server: &'a Server,
    target: &'a Target,
    ask: Ask,
    known: Known,
    file: &'a File,
    destination: &'a Path,
    progress: &'a Progress,
    /// Bytes that have been written.
    at: u64,
}

/// Why a body ended early.
enum Broken {
    Stream(String),
    Disk(std::io::Error),
}

impl Transfer<'_> {
    /// Writes the file, whatever number of answers that takes; its size.
    async fn run(&mut self, first: Response<SdkBody>) -> Result<u64, StorageError> {
        let mut answer = Some((first, 0));
        let (mut pauses, mut reached) = (TRANSFER.pauses(), 0);
        loop {
            let (response, position) = match answer.take() {
                Some(answer) => answer,
                None => self.resume().await?,
            };
            let detail = match self.drain(response, position).await {
                Ok(()) => return Ok(self.at),
                Err(Broken::Stream(detail)) => detail,
                Err(Broken::Disk(error)) => {
                    let needed = self.known.total.unwrap_or(self.at);
                    return Err(write_error(self.target, self.destination, needed, error));
                }
            };
            if self.at >= reached + FORGIVEN {
                pauses.restart();
                reached = self.at;
            }
            let Some(pause) = pauses.next() else {
                let tries = pauses.tries();
                return Err(StorageError::Unreachable {
                    target: Box::new(self.target.clone()),
                    detail: format!("{detail}, at byte {} in {tries} tries", self.at),
                });
            };
            tracing::debug!(object = %self.target, at = self.at, %detail, "download broke off: resuming");
            tokio::time::sleep(pause).await;
        }
    }

    /// Asks for what is missing; without anything to tell the content by, for all of it.
    async fn resume(&mut self) -> Result<(Response<SdkBody>, u64), StorageError> {
        let mut ask = self.ask.clone();
        let range = HeaderValue::from_str(&format!("bytes={}-", self.at)).ok();
        match (range, &self.known.validator) {
            (Some(range), Some(validator)) if self.at > 0 => {
                ask = ask.header(RANGE, range).header(IF_RANGE, validator.clone());
            }
            _ => self.restart(),
        }
        let response = self.server.send(&ask, self.target).await?.response;
        let changed = || StorageError::Changed {
            target: Box::new(self.target.clone()),
        };
        match response.status() {
            StatusCode::PARTIAL_CONTENT => {
                let range = response.headers().get(CONTENT_RANGE);
                let range = range.and_then(|range| parse_content_range(range.to_str().ok()?));
                match range {
                    Some((start, _, total))
                        if start == self.at
                            && self.known.total.is_none_or(|known| known == total) =>
                    {
                        Ok((response, start))
                    }
                    _ => Err(changed()),
                }
            }
            // All of it: the server knows no ranges, or the file is another one now.
            StatusCode::OK => {
                let again = Known::of(response.headers());
                if self.at > 0
                    && !(self.known.same(response.headers()) && again.total == self.known.total)
                {
                    return Err(changed());
                }
                self.known = again;
                Ok((response, 0))
            }
            _ => Err(refusal(response, self.target).await),
        }
    }

    /// Begins again: what was written does not count.
    fn restart(&mut self) {
        self.progress.take_back(self.at);
        self.at = 0;
    }

    /// Writes a body that begins at byte `position` of the file; what is there already is passed over.
    async fn drain(
        &mut self,
        response: Response<SdkBody>,
        mut position: u64,
    ) -> Result<(), Broken> {
        let mut body = ByteStream::new(response.into_body());
        loop {
            let next = tokio::time::timeout(STALLED, body.next()).await;
            let chunk = match next {
                Ok(Some(Ok(chunk))) => chunk,
                Ok(Some(Err(error))) => return Err(Broken::Stream(chain(&error))),
                Ok(None) => break,
                Err(_) => {
                    let detail = format!("nothing came for {} s", STALLED.as_secs());
                    return Err(Broken::Stream(detail));
                }
            };
            let known = usize::try_from(self.at - position)
                .unwrap_or(usize::MAX)
                .min(chunk.len());
            let new = chunk.get(known..).unwrap_or_default();
            self.file.write_all_at(new, self.at).map_err(Broken::Disk)?;
            position += chunk.len() as u64;
            self.at += new.len() as u64;
            self.progress.add(new.len() as u64);
        }
        match self.known.total {
            Some(total) if self.at != total => {
                Err(Broken::Stream(format!("{} bytes of {total} came", self.at)))
            }
            _ => Ok(()),
        }
    }
}
