//! The supervisor's HTTP transport for the programs beside it, so that a workspace has one TLS implementation and one
//! idea of which certificates are trusted.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;

use crate::{
    Network,
    error::RequestError,
    transport::{
        Transport,
        sdk::{http_client, sdk},
    },
};
use config::TlsVerify;

/// The transport as the AWS SDK's clients want it. Nothing is opened or read before the first request.
pub fn sdk_client(network: &Network) -> SharedHttpClient {
    http_client(TlsVerify::Verify, network)
}

/// As [`sdk_client`], for calls that are answered when a function has done its work: `longest` is how long that may take.
pub fn patient_sdk_client(network: &Network, longest: Duration) -> SharedHttpClient {
    sdk(Transport::new(TlsVerify::Verify, network).answered_within(longest))
}

/// The transport for requests that no SDK client makes.
#[derive(Debug)]
pub struct PlainHttp(Transport);

impl PlainHttp {
    /// As [`sdk_client`].
    pub fn new(network: &Network) -> Self {
        Self(Transport::new(TlsVerify::Verify, network))
    }

    /// Sends one request, once, and reads the whole answer.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn send(
        &self,
        request: ::http::Request<Vec<u8>>,
    ) -> Result<::http::Response<Vec<u8>>, RequestError> {
        let answer = self.0.send(request.map(SdkBody::from)).await;
        let (head, body) = answer.map_err(RequestError::from)?.into_parts();
        let body = ByteStream::new(body).collect().await;
        let body = body.map_err(|error| RequestError::Transient(error.to_string()))?;
        let body = body.into_bytes();
        Ok(::http::Response::from_parts(head, body.to_vec()))
    }
}
