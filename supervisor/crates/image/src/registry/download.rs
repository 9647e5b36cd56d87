//! Layers on their way from a registry: several at once, a large one in parts on several connections, each taken up
//! again where it broke off. The bytes of a layer are delivered in order, whatever the order they come in.

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use tokio::sync::mpsc::Sender;

use super::{
    Registry,
    http_client::{Part, RETRIES, unreachable},
};
use crate::{ImageError, digest::Hash, document::Descriptor, sources::Delivery};

/// What is asked for at once of a large layer, in bytes: long enough that the wait for its beginning is small beside it.
const PART: u64 = 4 * 1024 * 1024;
/// The same of an image that has layers compressed with zstd: a decompressor may hold 64 MiB at the same time.
const PART_BESIDE_ZSTD: u64 = 1024 * 1024;
/// Bytes of a part that was set aside which are passed on at a time.
const PIECE: usize = 64 * 1024;
/// Parts of all large layers together that are on their way or wait for those before them: 32 MiB.
const PARTS: usize = 8;

/// How a try ended that did not fail.
enum End {
    /// All bytes are delivered.
    Complete,
    /// Nobody wants the rest.
    Unwanted,
}

/// Bytes of a layer that are still to come.
struct Span {
    next: u64,
    end: u64,
}

/// Where bytes go.
enum Sink<'a> {
    /// To whoever unpacks them, as fast as they are taken.
    Reader(&'a mut Outgoing),
    /// Aside, until it is their turn.
    Memory(&'a mut Vec<u8>),
}

/// The bytes of a layer, on their way to whoever unpacks them.
struct Outgoing {
    to: Sender<Delivery>,
    hash: Hash,
}

impl Outgoing {
    async fn put(&mut self, piece: Bytes) -> End {
        self.hash.update(&piece);
        match self.to.send(Delivery::Piece(piece)).await {
            Ok(()) => End::Complete,
            Err(_gone) => End::Unwanted,
        }
    }
}

impl Sink<'_> {
    async fn put(&mut self, piece: Bytes) -> End {
        match self {
            // Copied: a small piece may keep a large buffer alive.
            Self::Memory(bytes) => {
                bytes.extend_from_slice(&piece);
                End::Complete
            }
            Self::Reader(outgoing) => outgoing.put(piece).await,
        }
    }
}

/// Whether a layer is worth several connections.
fn is_large(layer: &Descriptor) -> bool {
    layer.size >= 2 * PART
}

/// How a large layer is downloaded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lanes {
    /// Parts that may be under way.
    count: usize,
    /// Bytes of a part.
    part: u64,
}

/// How each large one of `layers` is downloaded when so many layers are downloaded at once.
pub(crate) fn lanes(layers: &[Descriptor], at_once: usize) -> Lanes {
    let large = layers.iter().filter(|layer| is_large(layer)).count();
    let part = if layers.iter().any(Descriptor::is_zstd) {
        PART_BESIDE_ZSTD
    } else {
        PART
    };
    Lanes {
        count: PARTS / large.clamp(1, at_once),
        part,
    }
}

impl Registry<'_> {
    /// Delivers the bytes of a layer to `to`, as fast as they are taken. The last delivery is its digest, or the error.
    pub(crate) async fn download(&self, layer: &Descriptor, lanes: Lanes, to: Sender<Delivery>) {
        let mut outgoing = Outgoing {
            to,
            hash: Hash::default(),
        };
        let delivered = if is_large(layer) {
            self.in_parts(layer, lanes, &mut outgoing).await
        } else {
            let end = if layer.size > 0 { layer.size } else { u64::MAX };
            let mut span = Span { next: 0, end };
            let mut sink = Sink::Reader(&mut outgoing);
            self.fetch(layer, &mut span, &mut sink).await
        };
        let Outgoing { to, hash } = outgoing;
        let last = match delivered {
            Ok(End::Unwanted) => return,
            Ok(End::Complete) => Delivery::Whole(hash.finish()),
            Err(error) => Delivery::Failed(error),
        };
        let _unwanted = to.send(last).await;
    }

    /// Delivers a large layer. Its first part tells whether the server knows parts; one that does not sends it all.
    async fn in_parts(
        &self,
        layer: &Descriptor,
        lanes: Lanes,
        outgoing: &mut Outgoing,
    ) -> Result<End, ImageError> {
        let mut first = Span {
            next: 0,
            end: lanes.part,
        };
        let mut sink = Sink::Reader(outgoing);
        let ended = self.fetch(layer, &mut first, &mut sink).await?;
        if matches!(ended, End::Unwanted) {
            return Ok(End::Unwanted);
        }
        let starts =
            (first.end..layer.size).step_by(usize::try_from(lanes.part).unwrap_or(usize::MAX));
        let parts = starts.map(|next| async move {
            let end = (next + lanes.part).min(layer.size);
            let mut bytes = Vec::with_capacity(usize::try_from(end - next).unwrap_or_default());
            let mut sink = Sink::Memory(&mut bytes);
            self.fetch(layer, &mut Span { next, end }, &mut sink)
                .await?;
            Ok::<_, ImageError>(bytes)
        });
        let mut parts = std::pin::pin!(stream::iter(parts).buffered(lanes.count));
        while let Some(part) = parts.next().await {
            for piece in part?.chunks(PIECE) {
                if let End::Unwanted = outgoing.put(Bytes::copy_from_slice(piece)).await {
                    return Ok(End::Unwanted);
                }
            }
        }
        Ok(End::Complete)
    }

    /// Brings what `span` says, and goes on where a connection broke.
    async fn fetch(
        &self,
        layer: &Descriptor,
        span: &mut Span,
        sink: &mut Sink<'_>,
    ) -> Result<End, ImageError> {
        let mut pauses = RETRIES.pauses();
        loop {
            let before = span.next;
            let error = match self.try_fetch(layer, span, sink).await {
                Ok(end) => return Ok(end),
                Err(error) => error,
            };
            let delivered = span.next;
            if delivered > before {
                pauses.restart();
            }
            // Anything but a broken connection is final, and was tried often enough.
            let broken = matches!(error, ImageError::Unreachable { .. });
            let Some(pause) = pauses.next().filter(|_| broken) else {
                return Err(error);
            };
            tracing::warn!(layer = %layer.digest, delivered, %error, "a download broke off and goes on");
            tokio::time::sleep(pause).await;
        }
    }

    async fn try_fetch(
        &self,
        layer: &Descriptor,
        span: &mut Span,
        sink: &mut Sink<'_>,
    ) -> Result<End, ImageError> {
        if span.next == span.end {
            return Ok(End::Complete);
        }
        let path = format!("blobs/{}", layer.digest);
        let mut reply = self.get(&path, wanted(layer, span)).await?;
        let url = self.url(&path);
        // Servers that know no ranges begin again, and send all there is.
        let mut position = match (reply.status, reply.start) {
            (206, Some(start)) => start,
            (206, None) => span.next,
            _ => 0,
        };
        if reply.status != 206 && matches!(sink, Sink::Reader(_)) {
            span.end = span.end.max(layer.size);
        }
        if position > span.next {
            let reason = "the server left out a part of the answer".to_owned();
            return Err(unreachable(&url, reason));
        }
        while let Some(mut piece) = self.client.piece(&mut reply).await? {
            let known = usize::try_from(span.next - position).unwrap_or(usize::MAX);
            position += piece.len() as u64;
            piece = piece.split_off(known.min(piece.len()));
            let room = usize::try_from(span.end - span.next).unwrap_or(usize::MAX);
            piece.truncate(room);
            if piece.is_empty() {
                continue;
            }
            span.next += piece.len() as u64;
            if let End::Unwanted = sink.put(piece).await {
                return Ok(End::Unwanted);
            }
            if span.next == span.end {
                return Ok(End::Complete);
            }
        }
        if layer.size > 0 {
            let got = span.next;
            let reason = format!("the answer ended after {got} of {} bytes", layer.size);
            return Err(unreachable(&url, reason));
        }
        Ok(End::Complete)
    }
}

/// The range to ask for; none for a whole layer.
fn wanted(layer: &Descriptor, span: &Span) -> Option<Part> {
    let last = (span.end < layer.size).then(|| span.end - 1);
    let start = span.next;
    (start > 0 || last.is_some()).then_some(Part { start, last })
}
