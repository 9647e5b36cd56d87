//! Requests and their replies: redirects, retries, time limits.

mod address;
mod body;
mod reply;
mod request;

use std::time::Duration;

use bytes::Bytes;
use http::Uri;

use self::{
    address::{parse, resolve},
    body::{SILENCE, next_piece, silence},
};
pub(super) use self::{
    body::{Incomplete, read_all},
    reply::Reply,
    request::{Part, Request},
};
use crate::ImageError;
use net::{
    retry::{Backoff, Growth, Jitter},
    transport::{SendError, Transport},
};

/// Tries of one request, and of one body that breaks off.
pub(super) const RETRIES: Backoff = Backoff {
    attempts: 5,
    first: Duration::from_millis(300),
    growth: Growth::Double,
    longest: Duration::from_secs(10),
    budget: None,
    jitter: Jitter::Half,
};
/// Most redirects of one request.
const REDIRECTS: usize = 5;
/// Longest wait that a busy registry is granted; beyond it, the invocation fails at once and says so.
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// Bytes of an unexpected answer that a message repeats.
const SHOWN: usize = 300;

/// Sends requests.
pub(super) struct HttpClient {
    transport: Transport,
    /// What messages call the server.
    server: String,
}

impl HttpClient {
    pub(super) fn new(transport: Transport, server: String) -> Self {
        Self { transport, server }
    }

    /// Sends a GET request and follows redirects to addresses that `allowed` does not refuse. Busy and broken
    /// servers are tried again.
    pub(super) async fn get(
        &self,
        mut request: Request,
        allowed: impl Fn(&Uri) -> Result<(), ImageError>,
    ) -> Result<Reply, ImageError> {
        for _ in 0..=REDIRECTS {
            let address = parse(&request.url)?;
            allowed(&address)?;
            let reply = self.send_with_retry(&request, &address).await?;
            let Some(location) = reply
                .location
                .as_deref()
                .filter(|_| (300..400).contains(&reply.status))
            else {
                return Ok(reply);
            };
            let next = resolve(&address, location);
            // Credentials are for the server they were given for.
            if parse(&next)?.authority() != address.authority() {
                request.authorization = None;
            }
            request.url = next;
        }
        Err(unreachable(&request.url, "too many redirects".to_owned()))
    }

    async fn send_with_retry(&self, request: &Request, address: &Uri) -> Result<Reply, ImageError> {
        let mut pauses = RETRIES.pauses();
        loop {
            let reply = self.send_once(request, address).await;
            let attempt = pauses.tries();
            let pause = pauses.next();
            let wait = match &reply {
                Ok(reply) if reply.status == 429 || reply.status == 503 => {
                    let wait = pause.map(|pause| reply.retry_after.unwrap_or(pause));
                    if reply.status == 429 && wait.is_none_or(|wait| wait > LONGEST_WAIT) {
                        return Err(ImageError::RateLimited {
                            registry: self.server.clone(),
                            wait: reply.retry_after,
                        });
                    }
                    wait.map(|wait| wait.min(LONGEST_WAIT))
                }
                Ok(reply) if reply.status >= 500 || reply.status == 408 => pause,
                Ok(_) | Err(ImageError::Untrusted { .. } | ImageError::Unasked { .. }) => None,
                Err(_) => pause,
            };
            let Some(wait) = wait else {
                return reply;
            };
            let path = address.path();
            tracing::debug!(server = self.server, path, attempt, ?wait, "trying again");
            tokio::time::sleep(wait).await;
        }
    }

    async fn send_once(&self, request: &Request, address: &Uri) -> Result<Reply, ImageError> {
        let failed = |reason| unreachable(&request.url, reason);
        let message = request
            .message(address)
            .map_err(|error| failed(error.to_string()))?;
        match tokio::time::timeout(SILENCE, self.transport.send(message)).await {
            Ok(Ok(response)) => Ok(Reply::new(&request.url, response)),
            Ok(Err(error @ SendError::Untrusted(_))) => Err(ImageError::Untrusted {
                registry: self.server.clone(),
                reason: error.to_string(),
            }),
            Ok(Err(SendError::Setup(reason))) => Err(ImageError::Unasked {
                registry: self.server.clone(),
                reason,
            }),
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(_) => Err(failed(silence())),
        }
    }

    /// The next piece of a reply; none at its end.
    pub(super) async fn piece(&self, reply: &mut Reply) -> Result<Option<Bytes>, ImageError> {
        let piece = next_piece(&mut reply.body).await;
        piece.map_err(|reason| unreachable(&reply.url, reason))
    }

    /// All of the reply to what `ask` asks, which is asked again when the reply breaks off: it is small.
    pub(super) async fn all_of<F: Future<Output = Result<Reply, ImageError>>>(
        &self,
        ask: impl Fn() -> F,
        limit: usize,
    ) -> Result<Vec<u8>, ImageError> {
        let mut pauses = RETRIES.pauses();
        loop {
            // This has its own tries.
            let reply = ask().await?;
            let error = match self.whole(reply, limit).await {
                Err(error @ ImageError::Unreachable { .. }) => error,
                ended => return ended,
            };
            let Some(pause) = pauses.next() else {
                return Err(error);
            };
            tokio::time::sleep(pause).await;
        }
    }

    async fn whole(&self, reply: Reply, limit: usize) -> Result<Vec<u8>, ImageError> {
        let bytes = read_all(reply.body, limit).await;
        bytes.map_err(|error| match error {
            Incomplete::Broken(reason) => unreachable(&reply.url, reason),
            Incomplete::TooLarge { .. } => ImageError::Document {
                what: "manifest, configuration or token",
                reason: error.to_string(),
            },
        })
    }

    /// The error of a reply that is no use.
    pub(super) async fn unexpected(&self, mut reply: Reply) -> ImageError {
        let mut body = Vec::new();
        while body.len() < SHOWN
            && let Ok(Some(piece)) = self.piece(&mut reply).await
        {
            body.extend_from_slice(&piece);
        }
        body.truncate(SHOWN);
        ImageError::Answer {
            url: reply.url.split('?').next().unwrap_or_default().to_owned(),
            status: reply.status,
            body: String::from_utf8_lossy(&body).trim().to_owned(),
        }
    }
}

/// The error of a request that got no answer, or not the whole of it.
pub(super) fn unreachable(url: &str, reason: String) -> ImageError {
    // What follows the question mark may be a signature.
    let url = url.split('?').next().unwrap_or(url).to_owned();
    ImageError::Unreachable { url, reason }
}
