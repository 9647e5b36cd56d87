//! A range of a file as the body of a request: read while it is sent, and again for a retry.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use aws_sdk_s3::primitives::SdkBody;
use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use thiserror::Error;

/// Bytes read and sent at a time. Reads happen on the runtime's thread: outputs were just written and come from the
/// page cache, where handing each read to another thread costs more than the read.
const CHUNK: usize = 64 * 1024;

/// Bytes `at .. at + len` of a file.
#[derive(Debug, Clone)]
pub(super) struct FileSlice {
    pub(super) file: Arc<File>,
    pub(super) at: u64,
    pub(super) len: u64,
}

impl FileSlice {
    /// The slice as a request body that can be sent more than once.
    pub(super) fn body(&self) -> SdkBody {
        let slice = self.clone();
        SdkBody::retryable(move || {
            SdkBody::from_body_1_x(SliceBody {
                slice: slice.clone(),
                buffer: BytesMut::new(),
            })
        })
    }

    /// CRC32 of the slice, as S3 wants it: big-endian, base64 (S3 API reference, `x-amz-checksum-crc32`).
    pub(super) async fn crc32(&self) -> io::Result<String> {
        use base64::Engine;
        let mut hasher = crc32fast::Hasher::new();
        let mut buffer = vec![0; CHUNK];
        let (mut at, end) = (self.at, self.at + self.len);
        while at < end {
            let wanted = usize::try_from(end - at).unwrap_or(CHUNK).min(CHUNK);
            let read = self.file.read_at(&mut buffer[..wanted], at)?;
            if read == 0 {
                return Err(shorter());
            }
            hasher.update(&buffer[..read]);
            at += read as u64;
            tokio::task::consume_budget().await;
        }
        Ok(base64::engine::general_purpose::STANDARD.encode(hasher.finalize().to_be_bytes()))
    }

    /// Takes the next bytes off the front.
    fn next_chunk(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Bytes>> {
        let wanted = usize::try_from(self.len).unwrap_or(CHUNK).min(CHUNK);
        if wanted == 0 {
            return Ok(None);
        }
        buffer.resize(wanted, 0);
        let read = self.file.read_at(buffer, self.at)?;
        if read == 0 {
            return Err(shorter());
        }
        self.at += read as u64;
        self.len -= read as u64;
        buffer.truncate(read);
        Ok(Some(buffer.split().freeze()))
    }
}

/// The file is not what it was when its size was looked up.
#[derive(Debug, Error)]
#[error("the file became shorter while it was being uploaded")]
struct Shorter;

fn shorter() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, Shorter)
}

/// Whether a request failed because of its file, which no retry makes longer again.
pub(super) fn is_shorter(error: &(dyn std::error::Error + 'static)) -> bool {
    let inner = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    inner.is_some_and(<dyn std::error::Error + Send + Sync>::is::<Shorter>)
        || error.source().is_some_and(is_shorter)
}

struct SliceBody {
    slice: FileSlice,
    buffer: BytesMut,
}

impl Body for SliceBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        let chunk = this.slice.next_chunk(&mut this.buffer);
        Poll::Ready(chunk.transpose().map(|chunk| chunk.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.slice.len == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.slice.len)
    }
}
