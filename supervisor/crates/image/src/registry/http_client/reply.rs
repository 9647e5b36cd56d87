//! What a server answers.

use std::time::Duration;

use aws_smithy_types::body::SdkBody;
use http::{
    Response,
    header::{CONTENT_RANGE, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE},
};

/// The head of an answer, and the body still to be read.
#[derive(Debug)]
pub(in crate::registry) struct Reply {
    pub(in crate::registry) url: String,
    pub(in crate::registry) status: u16,
    /// What the server wants to see, of a 401.
    pub(in crate::registry) challenges: Vec<String>,
    /// The first byte of a part.
    pub(in crate::registry) start: Option<u64>,
    pub(super) retry_after: Option<Duration>,
    pub(super) location: Option<String>,
    pub(super) body: SdkBody,
}

impl Reply {
    /// The answer of `url`.
    pub(super) fn new(url: &str, response: Response<SdkBody>) -> Self {
        let (head, body) = response.into_parts();
        let text = |name| head.headers.get(name)?.to_str().ok().map(str::to_owned);
        let challenges = head.headers.get_all(WWW_AUTHENTICATE).iter();
        Self {
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
}
