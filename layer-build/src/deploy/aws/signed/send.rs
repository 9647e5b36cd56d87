//! Signing a request and sending it until there is an answer.

use std::time::{Duration, SystemTime};

use aws_credential_types::provider::ProvideCredentials as _;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use net::host::NoAnswer;
use serde_json::Value;

use super::{Signed, tag};
use crate::deploy::aws::error::{AwsError, chain};

/// Tries of one request, the first included.
const ATTEMPTS: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(300);

/// One request.
pub(super) struct Request<'a> {
    pub(super) method: &'static str,
    pub(super) url: String,
    pub(super) headers: Vec<(&'a str, &'a str)>,
    pub(super) body: Vec<u8>,
}

impl Signed {
    pub(super) async fn send(&self, doing: &str, request: Request<'_>) -> Result<String, AwsError> {
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            let last = attempt >= ATTEMPTS;
            let signed = self
                .sign(&request)
                .await
                .map_err(|detail| AwsError::new(doing, detail))?;
            match self.http.send(signed).await {
                Err(NoAnswer::Passing(_)) if !last => {}
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
