//! Signs requests (Signature Version 4).

use std::time::SystemTime;

use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, sign,
};
use aws_sigv4::sign::v4;

use crate::deploy::aws::error::chain;

/// A request before it is signed.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) method: &'static str,
    pub(super) url: String,
    pub(super) headers: Vec<(&'a str, &'a str)>,
    pub(super) body: Vec<u8>,
}

/// A service whose requests are signed here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Amazon EC2.
    Ec2,
    /// Amazon S3.
    S3,
}

impl Service {
    /// Its name in host names and signatures.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ec2 => "ec2",
            Self::S3 => "s3",
        }
    }

    fn settings(self) -> SigningSettings {
        let mut settings = SigningSettings::default();
        match self {
            Self::Ec2 => {}
            // S3 signs paths as they are, and wants the body's checksum in a header (S3 user guide, "Signature calculations").
            Self::S3 => {
                settings.percent_encoding_mode = PercentEncodingMode::Single;
                settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
            }
        }
        settings
    }
}

/// What requests to one service in one region are signed with.
#[derive(Debug, Clone)]
pub(super) struct Signer {
    pub(super) service: Service,
    pub(super) region: String,
    pub(super) credentials: Option<SharedCredentialsProvider>,
}

impl Signer {
    /// Signs a request. The error says why it cannot be signed.
    pub(super) async fn sign(
        &self,
        request: &Request<'_>,
    ) -> Result<http::Request<Vec<u8>>, String> {
        let provider = self
            .credentials
            .as_ref()
            .ok_or("there are no credentials")?;
        let credentials = provider
            .provide_credentials()
            .await
            .map_err(|error| chain(&error))?;
        let text = |error: &dyn std::error::Error| chain(error);
        let identity = credentials.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.service.name())
            .time(SystemTime::now())
            .settings(self.service.settings())
            .build()
            .map_err(|error| text(&error))?
            .into();
        let body = SignableBody::Bytes(&request.body);
        let signable = SignableRequest::new(
            request.method,
            &request.url,
            request.headers.iter().copied(),
            body,
        );
        let signed = sign(signable.map_err(|error| text(&error))?, &parameters)
            .map_err(|error| text(&error))?;
        let (instructions, _) = signed.into_parts();
        let mut builder = http::Request::builder()
            .method(request.method)
            .uri(&request.url);
        for (name, value) in &request.headers {
            builder = builder.header(*name, *value);
        }
        let mut built = builder
            .body(request.body.clone())
            .map_err(|error| text(&error))?;
        instructions.apply_to_request_http1x(&mut built);
        Ok(built)
    }
}
