//! Signed requests without an SDK client (Signature Version 4).
//!
//! EC2, IAM, STS and Systems Manager are each needed for two or three operations. Their SDK crates would cost minutes of
//! building (EC2's alone six in a debug build), the requests themselves are a handful of form fields. S3's notification
//! configuration goes this way because its XML has to stay as it is.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use faas_supervisor::storage::host::PlainHttp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::error::{AwsError, chain};

/// Everything but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
/// Tries of one request, the first included.
const ATTEMPTS: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(300);

/// A service by its name, and what its requests are signed with.
#[derive(Debug, Clone)]
pub struct Signed {
    service: &'static str,
    region: String,
    url: String,
    credentials: Option<SharedCredentialsProvider>,
    http: Arc<PlainHttp>,
}

/// One request.
struct Request<'a> {
    method: &'static str,
    url: String,
    headers: Vec<(&'a str, &'a str)>,
    body: Vec<u8>,
}

impl Signed {
    /// A service as the configuration says where it is.
    pub fn new(config: &SdkConfig, service: &'static str, http: Arc<PlainHttp>) -> Self {
        let region = config
            .region()
            .map_or("us-east-1", |region| region.as_ref())
            .to_owned();
        // IAM is in one place, and its requests are signed for that one (IAM user guide, "Endpoints").
        let region = if service == "iam" {
            "us-east-1".to_owned()
        } else {
            region
        };
        let url = match (config.endpoint_url(), service) {
            (Some(url), _) => url.trim_end_matches('/').to_owned(),
            (None, "iam") => "https://iam.amazonaws.com".to_owned(),
            (None, service) => format!("https://{service}.{region}.amazonaws.com"),
        };
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

    async fn send(&self, doing: &str, request: Request<'_>) -> Result<String, AwsError> {
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            let last = attempt >= ATTEMPTS;
            let signed = self
                .sign(&request)
                .await
                .map_err(|detail| AwsError::new(doing, detail))?;
            match self.http.send(signed).await {
                Err(_) if !last => {}
                Err(detail) => return Err(AwsError::new(doing, format!("{}: {detail}", self.url))),
                Ok(answer) => {
                    let text = String::from_utf8_lossy(answer.body()).into_owned();
                    if answer.status().is_success() {
                        return Ok(text);
                    }
                    let error = refusal(doing, answer.status(), &text);
                    let passing = answer.status().is_server_error() || error.is_throttling();
                    if last || !passing {
                        return Err(error);
                    }
                }
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        Err(AwsError::new(doing, "no attempt was made"))
    }

    async fn sign(&self, request: &Request<'_>) -> Result<http::Request<Vec<u8>>, String> {
        let provider = self
            .credentials
            .as_ref()
            .ok_or("there are no credentials")?;
        let credentials = provider
            .provide_credentials()
            .await
            .map_err(|error| chain(&error))?;
        let text = |error: &dyn std::error::Error| chain(error);
        let mut settings = SigningSettings::default();
        if self.service == "s3" {
            // S3 signs paths as they are, and wants the body's checksum in a header (S3 user guide, "Signature calculations").
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        let identity = credentials.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.service)
            .time(SystemTime::now())
            .settings(settings)
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

/// A service's refusal: XML with `Code` and `Message`, or JSON with `__type` and `message`.
fn refusal(doing: &str, status: http::StatusCode, text: &str) -> AwsError {
    let json: Value = serde_json::from_str(text).unwrap_or_default();
    let from_json = |key: &str| json.get(key).and_then(Value::as_str).map(str::to_owned);
    let code = tag(text, "Code")
        .or_else(|| from_json("__type"))
        .unwrap_or_else(|| status.as_u16().to_string());
    let code = code.rsplit('#').next().unwrap_or_default().to_owned();
    let message = tag(text, "Message")
        .or_else(|| from_json("message"))
        .or_else(|| from_json("Message"));
    AwsError {
        doing: doing.to_owned(),
        detail: format!("{} ({code})", message.unwrap_or_else(|| status.to_string())),
        code,
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
