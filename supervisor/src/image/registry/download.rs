//! Layers on their way from a registry: several at once, each taken up again where it broke off.

use bytes::Bytes;
use tokio::sync::mpsc::Sender;

use super::{
    Registry,
    exchange::{ATTEMPTS, backoff, unreachable},
};
use crate::image::{ImageError, document::Descriptor};

/// How a try ended that did not fail.
enum End {
    /// All bytes are delivered.
    Complete,
    /// Nobody wants the rest.
    Unwanted,
}

impl Registry<'_> {
    /// Delivers the bytes of a layer to `to`, as fast as they are taken. The last delivery is the error, if it fails.
    pub(crate) async fn download(&self, layer: &Descriptor, to: Sender<Result<Bytes, ImageError>>) {
        let mut delivered = 0;
        let mut fruitless = 0;
        loop {
            let before = delivered;
            let error = match self.try_download(layer, &mut delivered, &to).await {
                Ok(End::Complete | End::Unwanted) => return,
                Err(error) => error,
            };
            fruitless = if delivered > before { 1 } else { fruitless + 1 };
            // Anything but a broken connection is final, and was tried often enough.
            let broken = matches!(error, ImageError::Unreachable { .. });
            if !broken || fruitless >= ATTEMPTS {
                let _unwanted = to.send(Err(error)).await;
                return;
            }
            tracing::warn!(layer = %layer.digest, delivered, %error, "a download broke off and goes on");
            tokio::time::sleep(backoff(fruitless)).await;
        }
    }

    async fn try_download(
        &self,
        layer: &Descriptor,
        delivered: &mut u64,
        to: &Sender<Result<Bytes, ImageError>>,
    ) -> Result<End, ImageError> {
        if layer.size > 0 && *delivered == layer.size {
            return Ok(End::Complete);
        }
        let start = (*delivered > 0).then_some(*delivered);
        let path = format!("blobs/{}", layer.digest);
        let mut reply = self.get(&path, start).await?;
        // Servers that know no ranges begin again.
        let mut position = match (reply.status, reply.start) {
            (206, Some(start)) => start,
            (206, None) => *delivered,
            _ => 0,
        };
        let url = self.url(&path);
        if position > *delivered {
            let reason = "the server left out a part of the answer".to_owned();
            return Err(unreachable(&url, reason));
        }
        while let Some(mut piece) = self.exchange.piece(&mut reply).await? {
            let known = usize::try_from(*delivered - position).unwrap_or(usize::MAX);
            position += piece.len() as u64;
            let piece = piece.split_off(known.min(piece.len()));
            if piece.is_empty() {
                continue;
            }
            *delivered = position;
            if to.send(Ok(piece)).await.is_err() {
                return Ok(End::Unwanted);
            }
        }
        if *delivered < layer.size {
            let reason = format!("the answer ended after {delivered} of {} bytes", layer.size);
            return Err(unreachable(&url, reason));
        }
        Ok(End::Complete)
    }
}
