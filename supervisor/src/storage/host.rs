//! The supervisor's HTTP transport for the programs beside it, so that a workspace has one TLS implementation and one
//! idea of which certificates are trusted.

use std::path::PathBuf;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;

use super::http::Transport;
use super::http::sdk::{http_client, sdk};
use crate::config::TlsVerify;

/// The transport as the AWS SDK's clients want it. Nothing is opened or read before the first request. `ca_bundle` is a
/// PEM file of authorities to trust beside the machine's.
pub fn sdk_client(ca_bundle: Option<PathBuf>) -> SharedHttpClient {
    http_client(TlsVerify::Verify, ca_bundle)
}

/// As [`sdk_client`], for calls that are answered when a function has done its work: `longest` is how long that may take.
pub fn patient_sdk_client(ca_bundle: Option<PathBuf>, longest: Duration) -> SharedHttpClient {
    sdk(Transport::new(TlsVerify::Verify, ca_bundle).answered_within(longest))
}

/// The transport for requests that no SDK client makes.
#[derive(Debug)]
pub struct PlainHttp(Transport);

impl PlainHttp {
    /// As [`sdk_client`].
    pub fn new(ca_bundle: Option<PathBuf>) -> Self {
        Self(Transport::new(TlsVerify::Verify, ca_bundle))
    }

    /// Sends one request, once, and reads the whole answer.
    ///
    /// # Errors
    /// Why there is no answer, in words.
    pub async fn send(
        &self,
        request: ::http::Request<Vec<u8>>,
    ) -> Result<::http::Response<Vec<u8>>, String> {
        let answer = self.0.send(request.map(SdkBody::from)).await;
        let (head, body) = answer.map_err(|error| error.to_string())?.into_parts();
        let body = ByteStream::new(body).collect().await;
        let body = body.map_err(|error| error.to_string())?.into_bytes();
        Ok(::http::Response::from_parts(head, body.to_vec()))
    }
}
