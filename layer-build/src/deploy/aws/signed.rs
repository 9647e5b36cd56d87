//! Signed requests without an SDK client (Signature Version 4).
//!
//! EC2, IAM, STS and Systems Manager are each needed for two or three operations. Their SDK crates would cost minutes of
//! building (EC2's alone six in a debug build), the requests themselves are a handful of form fields. S3's notification
//! configuration goes this way because its XML has to stay as it is.

mod send;

use std::sync::Arc;

use aws_config::SdkConfig;
use aws_credential_types::provider::SharedCredentialsProvider;
use net::host::PlainHttp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::error::AwsError;
use crate::deploy::partition::Partition;
use send::Request;

/// Everything but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// A service by its name, and what its requests are signed with.
#[derive(Debug, Clone)]
pub struct Signed {
    service: &'static str,
    region: String,
    url: String,
    credentials: Option<SharedCredentialsProvider>,
    http: Arc<PlainHttp>,
}

impl Signed {
    /// A service as the configuration says where it is.
    pub fn new(config: &SdkConfig, service: &'static str, http: Arc<PlainHttp>) -> Self {
        let region = config
            .region()
            .map_or("us-east-1", |region| region.as_ref())
            .to_owned();
        let partition = Partition::of(&region);
        // IAM is in one place of a partition, and its requests are signed for that one.
        let (host, region) = if service == "iam" {
            let (host, region) = partition.iam();
            (host.to_owned(), region.to_owned())
        } else {
            (format!("{service}.{region}.{}", partition.domain()), region)
        };
        let url = config.endpoint_url().map_or_else(
            || format!("https://{host}"),
            |url| url.trim_end_matches('/').to_owned(),
        );
        Self {
            service,
            region,
            url,
            credentials: config.credentials_provider(),
            http,
        }
    }

    /// The region its requests go to.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// One operation of the Query protocol; the answer is XML.
    ///
    /// # Errors
    /// [`AwsError`] with the service's code.
    pub async fn query(
        &self,
        doing: &str,
        version: &str,
        action: &str,
        fields: &[(String, String)],
    ) -> Result<String, AwsError> {
        let mut form = format!("Action={action}&Version={version}");
        for (name, value) in fields {
            form = format!("{form}&{}={}", encode(name), encode(value));
        }
        let headers = vec![(
            "content-type",
            "application/x-www-form-urlencoded; charset=utf-8",
        )];
        let request = Request {
            method: "POST",
            url: format!("{}/", self.url),
            headers,
            body: form.into_bytes(),
        };
        self.send(doing, request).await
    }

    /// One operation of the JSON 1.1 protocol.
    ///
    /// # Errors
    /// [`AwsError`] with the service's code.
    pub async fn json(&self, doing: &str, target: &str, body: &Value) -> Result<Value, AwsError> {
        let headers = vec![
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", target),
        ];
        let request = Request {
            method: "POST",
            url: format!("{}/", self.url),
            headers,
            body: body.to_string().into_bytes(),
        };
        let text = self.send(doing, request).await?;
        serde_json::from_str(&text).map_err(|error| AwsError::new(doing, error.to_string()))
    }

    /// A subresource of a bucket, read (without `content`) or replaced.
    ///
    /// # Errors
    /// [`AwsError`] with the service's code.
    pub async fn bucket(
        &self,
        doing: &str,
        bucket: &str,
        what: &str,
        content: Option<String>,
    ) -> Result<String, AwsError> {
        let url = format!("{}/{bucket}?{what}=", self.url);
        let (method, headers) = match content {
            Some(_) => ("PUT", vec![("content-type", "application/xml")]),
            None => ("GET", Vec::new()),
        };
        self.send(
            doing,
            Request {
                method,
                url,
                headers,
                body: content.unwrap_or_default().into_bytes(),
            },
        )
        .await
    }
}

/// The text of the first element of a name.
pub fn tag(xml: &str, name: &str) -> Option<String> {
    let start = xml.find(&format!("<{name}>"))? + name.len() + 2;
    let text = xml.get(start..)?.split("</").next()?;
    Some(
        text.replace("&quot;", "\"")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&"),
    )
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}
