//! Requests that are signed here because no SDK client makes them: EC2's, whose crate takes minutes to build (see
//! [`super::ec2`]), and those for S3's notification configuration, whose XML must stay as it is.

use std::sync::Arc;

use aws_config::SdkConfig;
use net::error::RequestError;
use net::host::PlainHttp;
use net::sigv4::{Signer, SigningStyle, UnsignedRequest};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::error::{AwsError, AwsErrorKind};
use super::retry::SIGNED_REQUEST;
use super::xml::text_of;
use crate::deploy::partition::Partition;

/// Everything but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

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
    fn name(self) -> &'static str {
        match self {
            Self::Ec2 => "ec2",
            Self::S3 => "s3",
        }
    }

    fn style(self) -> SigningStyle {
        match self {
            Self::Ec2 => SigningStyle::Standard,
            Self::S3 => SigningStyle::S3,
        }
    }
}

/// A client of one service in one region.
#[derive(Debug, Clone)]
pub struct SignedClient {
    signer: Signer,
    url: String,
    http: Arc<PlainHttp>,
}

impl SignedClient {
    /// A client for the region, endpoint and credentials of `config`.
    pub fn new(config: &SdkConfig, service: Service, http: Arc<PlainHttp>) -> Self {
        let region = config
            .region()
            .map_or("us-east-1", |region| region.as_ref())
            .to_owned();
        let domain = Partition::of(&region).domain();
        let url = config.endpoint_url().map_or_else(
            || format!("https://{}.{region}.{domain}", service.name()),
            |url| url.trim_end_matches('/').to_owned(),
        );
        Self {
            signer: Signer {
                service: service.name(),
                style: service.style(),
                region,
                credentials: config.credentials_provider(),
            },
            url,
            http,
        }
    }

    /// Calls an operation of the Query protocol, and returns its XML. `what` completes "cannot …".
    ///
    /// # Errors
    /// [`AwsError`] with the service's code.
    pub async fn query(
        &self,
        what: &str,
        version: &str,
        operation: &str,
        fields: &[(String, String)],
    ) -> Result<String, AwsError> {
        let mut form = format!("Action={operation}&Version={version}");
        for (name, value) in fields {
            form = format!("{form}&{}={}", encode(name), encode(value));
        }
        let headers = vec![(
            "content-type",
            "application/x-www-form-urlencoded; charset=utf-8",
        )];
        let request = UnsignedRequest {
            method: "POST",
            url: format!("{}/", self.url),
            headers,
            body: form.into_bytes(),
        };
        self.send(what, &request).await
    }

    /// Reads a bucket's notification configuration.
    ///
    /// # Errors
    /// [`AwsError`] with the service's code.
    pub async fn notifications(&self, what: &str, bucket: &str) -> Result<String, AwsError> {
        let request = UnsignedRequest {
            method: "GET",
            url: self.notification_url(bucket),
            headers: Vec::new(),
            body: Vec::new(),
        };
        self.send(what, &request).await
    }

    /// Replaces a bucket's notification configuration.
    ///
    /// # Errors
    /// [`AwsError`] with the service's code.
    pub async fn put_notifications(
        &self,
        what: &str,
        bucket: &str,
        xml: String,
    ) -> Result<(), AwsError> {
        let request = UnsignedRequest {
            method: "PUT",
            url: self.notification_url(bucket),
            headers: vec![("content-type", "application/xml")],
            body: xml.into_bytes(),
        };
        self.send(what, &request).await.map(drop)
    }

    fn notification_url(&self, bucket: &str) -> String {
        format!("{}/{bucket}?notification=", self.url)
    }

    async fn send(&self, what: &str, request: &UnsignedRequest<'_>) -> Result<String, AwsError> {
        SIGNED_REQUEST
            .run(async || self.send_once(what, request).await)
            .await
    }

    async fn send_once(
        &self,
        what: &str,
        request: &UnsignedRequest<'_>,
    ) -> Result<String, RequestError<AwsError>> {
        let signed = self.signer.sign(request).await;
        let signed =
            signed.map_err(|detail| RequestError::Permanent(AwsError::new(what, detail)))?;
        let answer = self.http.send(signed).await.map_err(|error| {
            error.map(|reason| AwsError::new(what, format!("{}: {reason}", self.url)))
        })?;
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        if answer.status().is_success() {
            return Ok(text);
        }
        let error = refusal(what, answer.status(), &text);
        if answer.status().is_server_error() || error.kind == AwsErrorKind::Throttled {
            return Err(RequestError::Transient(error));
        }
        Err(RequestError::Permanent(error))
    }
}

/// A service's refusal: XML with `Code` and `Message`.
fn refusal(what: &str, status: http::StatusCode, xml: &str) -> AwsError {
    let code = text_of(xml, "Code").unwrap_or_else(|| status.as_u16().to_string());
    let message = text_of(xml, "Message").unwrap_or_else(|| status.to_string());
    AwsError::refused(what, &code, &message)
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}
