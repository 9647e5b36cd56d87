//! Requests and their replies: redirects, retries, time limits.

mod address;
mod body;

use std::{fmt, time::Duration};

use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::{
    Response, Uri,
    header::{
        ACCEPT, AUTHORIZATION, CONTENT_RANGE, LOCATION, RANGE, RETRY_AFTER, USER_AGENT,
        WWW_AUTHENTICATE,
    },
};

pub(super) use self::body::{Incomplete, read_all};
use self::{
    address::{parse, resolve},
    body::{next_piece, silence},
};
use crate::ImageError;
use net::transport::{SendError, Transport};

/// Time to wait for the beginning of a reply, and then for each further piece of it.
pub(super) const SILENCE: Duration = Duration::from_secs(30);
/// Tries of one request, the first included.
pub(super) const ATTEMPTS: u32 = 5;
/// Most redirects of one request.
const REDIRECTS: usize = 5;
/// Longest wait that a busy registry is granted; beyond it, the invocation fails at once and says so.
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// Bytes of an unexpected answer that a message repeats.
const SHOWN: usize = 300;

/// What is asked for.
pub(super) struct Request {
    pub(super) url: String,
    pub(super) authorization: Option<String>,
    pub(super) accept: Option<&'static str>,
    /// The bytes wanted, if not all.
    pub(super) part: Option<Part>,
}

/// A range of bytes (RFC 9110, section 14.1.2).
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) start: u64,
    /// None for all that follow.
    pub(super) last: Option<u64>,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bytes={}-", self.start)?;
        self.last.map_or(Ok(()), |last| write!(f, "{last}"))
    }
}

/// The beginning of an answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) url: String,
    pub(super) status: u16,
    /// What the server wants to see, of a 401.
    pub(super) challenges: Vec<String>,
    /// The first byte of a part.
    pub(super) start: Option<u64>,
    retry_after: Option<Duration>,
    location: Option<String>,
    body: SdkBody,
}

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

    /// Sends a GET request and follows redirects to addresses that `allowed` does not refuse. What may pass by waiting is
    /// tried again.
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
        let mut attempt = 1;
        loop {
            let reply = self.once(request, address).await;
            let last = attempt >= ATTEMPTS;
            let wait = match &reply {
                Ok(reply) if reply.status == 429 || reply.status == 503 => {
                    let wait = reply.retry_after.unwrap_or_else(|| backoff(attempt));
                    if reply.status == 429 && (last || wait > LONGEST_WAIT) {
                        return Err(ImageError::RateLimited {
                            registry: self.server.clone(),
                            wait: reply.retry_after,
                        });
                    }
                    wait.min(LONGEST_WAIT)
                }
                Ok(reply) if reply.status >= 500 || reply.status == 408 => backoff(attempt),
                Ok(_) | Err(ImageError::Untrusted { .. } | ImageError::Unasked { .. }) => {
                    return reply;
                }
                Err(_) => backoff(attempt),
            };
            if last {
                return reply;
            }
            let path = address.path();
            tracing::debug!(server = self.server, path, attempt, ?wait, "trying again");
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    async fn once(&self, request: &Request, address: &Uri) -> Result<Reply, ImageError> {
        let failed = |reason| unreachable(&request.url, reason);
        let agent = concat!("faas-supervisor/", env!("CARGO_PKG_VERSION"));
        let mut builder = http::Request::get(address.clone()).header(USER_AGENT, agent);
        if let Some(accept) = request.accept {
            builder = builder.header(ACCEPT, accept);
        }
        if let Some(authorization) = &request.authorization {
            builder = builder.header(AUTHORIZATION, authorization);
        }
        if let Some(part) = request.part {
            builder = builder.header(RANGE, part.to_string());
        }
        let message = builder
            .body(SdkBody::empty())
            .map_err(|error| failed(error.to_string()))?;
        match tokio::time::timeout(SILENCE, self.transport.send(message)).await {
            Ok(Ok(response)) => Ok(reply(&request.url, response)),
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
        let mut attempt = 1;
        loop {
            // This has its own tries.
            let reply = ask().await?;
            match self.whole(reply, limit).await {
                Err(ImageError::Unreachable { .. }) if attempt < ATTEMPTS => {
                    tokio::time::sleep(backoff(attempt)).await;
                    attempt += 1;
                }
                ended => return ended,
            }
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

/// The wait before another try: doubled each time, and not the same for all.
pub(super) fn backoff(attempt: u32) -> Duration {
    let most = 300 * 2_u64.pow(attempt.min(6) - 1);
    Duration::from_millis(most / 2 + fastrand::u64(0..=most / 2))
}

fn reply(url: &str, response: Response<SdkBody>) -> Reply {
    let (head, body) = response.into_parts();
    let text = |name| head.headers.get(name)?.to_str().ok().map(str::to_owned);
    let challenges = head.headers.get_all(WWW_AUTHENTICATE).iter();
    Reply {
        url: url.to_owned(),
        status: head.status.as_u16(),
        challenges: challenges
            .filter_map(|value| Some(value.to_str().ok()?.to_owned()))
            .collect(),
        start: text(CONTENT_RANGE).and_then(|range| {
            let bytes = range.strip_prefix("bytes ")?;
            bytes.split('-').next()?.trim().parse().ok()
        }),
        retry_after: text(RETRY_AFTER)
            .and_then(|seconds| seconds.trim().parse().ok())
            .map(Duration::from_secs),
        location: text(LOCATION),
        body,
    }
}
