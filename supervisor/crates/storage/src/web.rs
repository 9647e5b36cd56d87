//! Stores that keep files below URLs: what `WebDAV` and Onedata's CDMI have in common.
//!
//! No crate of such a client fits here: `opendal` and `reqwest_dav` bring `reqwest`, a second HTTP client beside the one
//! the AWS SDK and the Lambda runtime share, with a TLS set-up of its own; `reqwest_dav` reads whole bodies into memory,
//! and neither resumes a broken download nor replaces an object only when it is complete. What is needed of the
//! protocols is five methods, so they go through the transport of all stores. It costs nothing before the first request.

mod answer;
mod download;
mod place;
mod upload;

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::primitives::SdkBody;
use http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION,
};
use http::{Method, Request, Response, StatusCode, Uri};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::{StorageError, Target};
use super::file_slice::{FileSlice, is_shorter};
use super::retry::TRANSFER;
use config::ServerUrl;
use net::transport::{SendError, Transport};

use answer::{is_transient, read_text};
pub(super) use download::download;
pub(super) use place::{Folder, Place};
pub(super) use upload::{Dialect, upload};

/// Transfers in flight at once, over all files. Such servers often have ten threads in all.
const REQUESTS: usize = 8;
/// Servers that one request may be passed on to: a dCache door sends readers to the pool that has the file.
const REDIRECTS: usize = 5;
/// Time without a byte after which a download counts as broken.
const STALLED: Duration = Duration::from_mins(1);

/// One server and the credentials for it.
#[derive(Debug)]
pub(super) struct Server {
    /// URL that all places are below, without a slash at the end.
    base: String,
    credentials: (HeaderName, HeaderValue),
    transport: Transport,
    requests: Arc<Semaphore>,
}

/// One request, which can be sent again.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) content: Content,
}

/// The body of a request.
#[derive(Debug, Clone)]
pub(super) enum Content {
    Nothing,
    Text(String),
    File(FileSlice),
}

/// An answer, whatever its status.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) response: Response<SdkBody>,
    /// How often the request was sent: what an earlier try did is not known.
    pub(super) tries: u32,
}

impl Answer {
    pub(super) fn status(&self) -> StatusCode {
        self.response.status()
    }
}

impl Server {
    /// `root` is the path of the protocol below the server's own, empty or beginning with a slash.
    pub(super) fn new(
        url: &ServerUrl,
        root: &str,
        credentials: (HeaderName, HeaderValue),
        transport: Transport,
    ) -> Self {
        Self {
            base: format!("{url}{root}"),
            credentials,
            transport,
            requests: Arc::new(Semaphore::new(REQUESTS)),
        }
    }

    /// The URL of a file.
    pub(super) fn url(&self, place: &Place) -> String {
        format!("{}/{}", self.base, place.encoded())
    }

    /// The URL of a folder.
    pub(super) fn folder_url(&self, folder: Folder<'_>) -> String {
        format!("{}/{}", self.base, folder.encoded())
    }

    /// Waits for a turn among the transfers in flight. `None` cannot happen: the semaphore is never closed.
    async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.requests).acquire_owned().await.ok()
    }

    /// Sends a request until there is an answer that another try would not change.
    pub(super) async fn send(&self, ask: &Ask, target: &Target) -> Result<Answer, StorageError> {
        let mut pauses = TRANSFER.pauses();
        loop {
            let tries = pauses.tries();
            let outcome = self.follow(ask).await;
            let transient = match &outcome {
                Ok(response) => is_transient(response.status(), &ask.method),
                Err(error) => may_pass(error),
            };
            let pause = if transient { pauses.next() } else { None };
            let Some(pause) = pause else {
                return match outcome {
                    Ok(response) => Ok(Answer { response, tries }),
                    Err(error) => Err(unsent(error, target, tries)),
                };
            };
            match outcome {
                Ok(response) => {
                    tracing::debug!(object = %target, status = %response.status(), "the store is busy or failed: trying again");
                }
                Err(error) => tracing::debug!(object = %target, %error, "no answer: trying again"),
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Sends a request once, with what the store has to say counted as an answer, but for a redirection.
    async fn follow(&self, ask: &Ask) -> Result<Response<SdkBody>, SendError> {
        let mut url = ask.url.clone();
        for _ in 0..REDIRECTS {
            let response = self.transport.send(self.request(ask, &url)?).await?;
            match redirection(ask, &url, &response) {
                Some(next) => url = next,
                None => return Ok(response),
            }
        }
        self.transport.send(self.request(ask, &url)?).await
    }

    /// Credentials are for the configured server alone, never for one that it points to.
    fn request(&self, ask: &Ask, url: &str) -> Result<Request<SdkBody>, SendError> {
        let mut request = Request::builder().method(&ask.method).uri(url);
        for (name, value) in &ask.headers {
            request = request.header(name, value);
        }
        if origin(url) == origin(&self.base) {
            let (name, value) = &self.credentials;
            request = request.header(name, value);
        }
        let body = match &ask.content {
            Content::Nothing => SdkBody::empty(),
            Content::Text(text) => SdkBody::from(text.as_str()),
            Content::File(slice) => {
                request = request.header(CONTENT_LENGTH, slice.len);
                slice.body()
            }
        };
        request
            .body(body)
            .map_err(|error| SendError::Setup(format!("{url} cannot be asked for: {error}")))
    }
}

impl Ask {
    /// A request without headers and body.
    pub(super) fn new(method: Method, url: String) -> Self {
        Self {
            method,
            url,
            headers: Vec::new(),
            content: Content::Nothing,
        }
    }

    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(super) fn content(self, content_type: &str, content: Content) -> Self {
        let content_type = HeaderValue::from_str(content_type)
            .unwrap_or(HeaderValue::from_static("application/octet-stream"));
        Self { content, ..self }.header(CONTENT_TYPE, content_type)
    }
}

/// `Authorization: Basic` (RFC 7617).
pub(super) fn basic(login: &str, password: &str) -> Option<(HeaderName, HeaderValue)> {
    use base64::Engine;
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{login}:{password}"));
    Some((AUTHORIZATION, secret(&format!("Basic {pair}"))?))
}

/// A header's value that is not shown in logs.
pub(super) fn secret(value: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Where an answer sends the reader or writer of a file. Answers to other methods mean something else by it.
fn redirection(ask: &Ask, url: &str, response: &Response<SdkBody>) -> Option<String> {
    let followed = match response.status().as_u16() {
        301 | 302 | 307 | 308 => [Method::GET, Method::PUT].contains(&ask.method),
        303 => ask.method == Method::GET,
        _ => false,
    };
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    let next = if location.starts_with('/') {
        format!("{}{location}", origin(url)?)
    } else {
        location.to_owned()
    };
    let usable = next.starts_with("http://") || next.starts_with("https://");
    (followed && usable).then_some(next)
}

/// Scheme, host and port of a URL.
fn origin(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?))
}

fn may_pass(error: &SendError) -> bool {
    match error {
        SendError::Broken(error) => !is_shorter(error),
        other => !other.is_permanent(),
    }
}

fn unsent(error: SendError, target: &Target, tries: u32) -> StorageError {
    let target = Box::new(target.clone());
    let detail = error.to_string();
    match error {
        SendError::Setup(reason) => StorageError::Provider {
            provider: target.provider,
            reason,
        },
        SendError::Untrusted(_) => StorageError::Untrusted { target, detail },
        SendError::Broken(error) if is_shorter(&error) => StorageError::Other { target, detail },
        SendError::Broken(_) | SendError::Late(_) => StorageError::Unreachable {
            target,
            detail: format!("{detail}, in {tries} tries"),
        },
    }
}
