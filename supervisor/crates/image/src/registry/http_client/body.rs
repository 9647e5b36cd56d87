//! Bodies of answers, piece by piece or as a whole; a server that falls silent is not waited for.

use std::{future::poll_fn, pin::Pin, time::Duration};

use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body::Body as _;
use thiserror::Error;

use net::error::chain;

/// Time to wait for the beginning of a reply, and then for each further piece of it.
pub(super) const SILENCE: Duration = Duration::from_secs(30);

/// Why there is not all of a body.
#[derive(Debug, Error)]
pub(in crate::registry) enum Incomplete {
    /// No more came.
    #[error("{0}")]
    Broken(String),
    /// It is more than anybody should send here, which no other try changes.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The most there may be.
        limit: usize,
    },
}

/// All of a body.
pub(in crate::registry) async fn read_all(
    mut body: SdkBody,
    limit: usize,
) -> Result<Vec<u8>, Incomplete> {
    let mut bytes = Vec::new();
    while let Some(piece) = next_piece(&mut body).await.map_err(Incomplete::Broken)? {
        if bytes.len() + piece.len() > limit {
            return Err(Incomplete::TooLarge { limit });
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// The next piece of a body; none at its end.
pub(super) async fn next_piece(body: &mut SdkBody) -> Result<Option<Bytes>, String> {
    loop {
        let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context));
        let frame = match tokio::time::timeout(SILENCE, frame).await {
            Err(_) => return Err(silence()),
            Ok(None) => return Ok(None),
            Ok(Some(Err(error))) => return Err(chain(error.as_ref())),
            Ok(Some(Ok(frame))) => frame,
        };
        // Anything else is a trailer.
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
}

/// What is said of a server from which nothing comes.
pub(super) fn silence() -> String {
    format!("nothing came for {} s", SILENCE.as_secs())
}
