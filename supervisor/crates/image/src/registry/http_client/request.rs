//! What is asked of a server.

use std::fmt;

use aws_smithy_types::body::SdkBody;
use http::{
    Uri,
    header::{ACCEPT, AUTHORIZATION, RANGE, USER_AGENT},
};

/// A GET request.
pub(in crate::registry) struct Request {
    pub(in crate::registry) url: String,
    pub(in crate::registry) authorization: Option<String>,
    pub(in crate::registry) accept: Option<&'static str>,
    /// The bytes wanted, if not all.
    pub(in crate::registry) part: Option<Part>,
}

/// A range of bytes (RFC 9110, section 14.1.2).
#[derive(Debug, Clone, Copy)]
pub(in crate::registry) struct Part {
    pub(in crate::registry) start: u64,
    /// None for all that follow.
    pub(in crate::registry) last: Option<u64>,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bytes={}-", self.start)?;
        self.last.map_or(Ok(()), |last| write!(f, "{last}"))
    }
}

impl Request {
    /// The message for `address`, which is [`Self::url`] parsed.
    pub(super) fn message(&self, address: &Uri) -> Result<http::Request<SdkBody>, http::Error> {
        let agent = concat!("faas-supervisor/", env!("CARGO_PKG_VERSION"));
        let mut builder = http::Request::get(address.clone()).header(USER_AGENT, agent);
        if let Some(accept) = self.accept {
            builder = builder.header(ACCEPT, accept);
        }
        if let Some(authorization) = &self.authorization {
            builder = builder.header(AUTHORIZATION, authorization);
        }
        if let Some(part) = self.part {
            builder = builder.header(RANGE, part.to_string());
        }
        builder.body(SdkBody::empty())
    }
}
