//! Signature Version 4, for requests to AWS that no SDK client makes.

use std::time::SystemTime;

use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials as _, SharedCredentialsProvider},
};
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        sign,
    },
    sign::v4,
};

use crate::error::chain;

/// A request before it is signed.
#[derive(Debug)]
pub struct UnsignedRequest<'a> {
    /// The method, in capital letters.
    pub method: &'static str,
    /// The whole address; its path and query are encoded already.
    pub url: String,
    /// The headers to be sent beside those of the signature. All are signed.
    pub headers: Vec<(&'static str, &'a str)>,
    /// The body.
    pub body: Vec<u8>,
}

/// How a service wants its requests signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningStyle {
    /// As every service but S3.
    Standard,
    /// Paths as they are, and the body's checksum in a header (S3 user guide, "Signature calculations").
    S3,
}

impl SigningStyle {
    fn settings(self) -> SigningSettings {
        let mut settings = SigningSettings::default();
        match self {
            Self::Standard => {}
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
pub struct Signer {
    /// The service's name in signatures: `ec2`.
    pub service: &'static str,
    /// How the service wants its requests signed.
    pub style: SigningStyle,
    /// The region.
    pub region: String,
    /// Where the keys come from.
    pub credentials: Option<SharedCredentialsProvider>,
}

impl Signer {
    /// Signs a request with the time it is now.
    ///
    /// # Errors
    /// Why it cannot be signed, in words: there are no credentials, or the request is none.
    pub async fn sign(
        &self,
        request: &UnsignedRequest<'_>,
    ) -> Result<http::Request<Vec<u8>>, String> {
        let provider = self
            .credentials
            .as_ref()
            .ok_or("there are no credentials")?;
        let credentials = provider.provide_credentials().await;
        let credentials = credentials.map_err(|error| chain(&error))?;
        self.sign_at(SystemTime::now(), credentials, request)
    }

    fn sign_at(
        &self,
        time: SystemTime,
        credentials: Credentials,
        request: &UnsignedRequest<'_>,
    ) -> Result<http::Request<Vec<u8>>, String> {
        let identity = credentials.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.service)
            .time(time)
            .settings(self.style.settings())
            .build()
            .map_err(|error| chain(&error))?
            .into();
        let signable = SignableRequest::new(
            request.method,
            &request.url,
            request.headers.iter().copied(),
            SignableBody::Bytes(&request.body),
        )
        .map_err(|error| chain(&error))?;
        let signed = sign(signable, &parameters).map_err(|error| chain(&error))?;
        let (instructions, _) = signed.into_parts();
        let mut builder = http::Request::builder()
            .method(request.method)
            .uri(&request.url);
        for (name, value) in &request.headers {
            builder = builder.header(*name, *value);
        }
        let mut built = builder
            .body(request.body.clone())
            .map_err(|error| chain(&error))?;
        instructions.apply_to_request_http1x(&mut built);
        Ok(built)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    /// 2015-08-30T12:36:00Z, the time of all vectors.
    const TIME: Duration = Duration::from_mins(24_015_636);

    /// The header that proves the signature.
    fn authorization(
        style: SigningStyle,
        token: Option<&str>,
        request: &UnsignedRequest<'_>,
    ) -> String {
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        let keys = Credentials::new(
            "AKIDEXAMPLE",
            secret,
            token.map(str::to_owned),
            None,
            "test",
        );
        let signer = Signer {
            service: "service",
            style,
            region: "us-east-1".to_owned(),
            credentials: None,
        };
        let message = signer.sign_at(UNIX_EPOCH + TIME, keys, request);
        let message = message.unwrap();
        assert_eq!(message.headers()["x-amz-date"], "20150830T123600Z");
        message.headers()["authorization"]
            .to_str()
            .unwrap()
            .to_owned()
    }

    /// "AWS Signature Version 4 test suite"; each vector's name is that of its folder there.
    #[test]
    fn the_published_vectors_come_out() {
        let plain =
            |method, path: &str, headers: &[(&'static str, &'static str)]| UnsignedRequest {
                method,
                url: format!("https://example.amazonaws.com{path}"),
                headers: headers.to_vec(),
                body: Vec::new(),
            };
        let token = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
        for (vector, token, request, headers, signature) in [
            (
                "get-vanilla",
                None,
                plain("GET", "/", &[]),
                "host;x-amz-date",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "get-vanilla-with-session-token",
                Some(token),
                plain("GET", "/", &[]),
                "host;x-amz-date;x-amz-security-token",
                "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
            ),
            (
                "get-vanilla-query-order-key-case",
                None,
                plain("GET", "/?Param2=value2&Param1=value1", &[]),
                "host;x-amz-date",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                "post-header-value-case",
                None,
                plain("POST", "/", &[("my-header1", "VALUE1")]),
                "host;my-header1;x-amz-date",
                "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
            ),
        ] {
            let expected = format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                 SignedHeaders={headers}, Signature={signature}"
            );
            let found = authorization(SigningStyle::Standard, token, &request);
            assert_eq!(found, expected, "{vector}");
        }
    }

    /// The vector `post-x-www-form-urlencoded`, whose body's checksum is in a header as S3 wants it.
    #[test]
    fn the_vector_with_a_signed_body_comes_out_in_the_style_of_s3() {
        let request = UnsignedRequest {
            method: "POST",
            url: "https://example.amazonaws.com/".to_owned(),
            headers: vec![
                ("content-type", "application/x-www-form-urlencoded"),
                ("content-length", "13"),
            ],
            body: b"Param1=value1".to_vec(),
        };
        let found = authorization(SigningStyle::S3, None, &request);
        let signature = "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b";
        assert!(
            found.ends_with(&format!("Signature={signature}")),
            "{found}"
        );
        assert!(
            found.contains("content-length;content-type;host;x-amz-content-sha256;x-amz-date"),
            "{found}"
        );
    }
}
