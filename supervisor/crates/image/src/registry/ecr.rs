//! Amazon ECR lets the function's role in: one signed call of its API gives user and password (Amazon ECR API reference,
//! `GetAuthorizationToken`; AWS JSON 1.1 protocol).

use aws_smithy_types::body::SdkBody;
use serde::Deserialize;

use super::{
    credentials::Credentials,
    http_client::{Incomplete, RETRIES, read_all},
};
use crate::{ImageError, error::Source};
use config::TlsVerify;
use net::{
    Network,
    aws::own_role_config,
    error::RequestError,
    sigv4::{Signer, SigningStyle, UnsignedRequest},
    transport::Transport,
};

/// The operation, in the header that names it.
const OPERATION: &str = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken";
/// All of its input: the caller's own registry.
const BODY: &str = "{}";
/// Largest answer that is read, in bytes.
const LARGEST: usize = 64 * 1024;

/// A registry of Amazon ECR, by its host's name: `<account>.dkr.ecr.<region>.amazonaws.com`, with `.cn` in China.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EcrHost {
    host: String,
    region: String,
    /// `amazonaws.com` or `amazonaws.com.cn`.
    domain: String,
}

impl EcrHost {
    pub(super) fn parse(host: &str) -> Option<Self> {
        let (account, rest) = host.split_once(".dkr.ecr.")?;
        let (region, domain) = rest.split_once('.')?;
        let known = matches!(domain, "amazonaws.com" | "amazonaws.com.cn");
        let number = !account.is_empty() && account.bytes().all(|byte| byte.is_ascii_digit());
        (known && number).then(|| Self {
            host: host.to_owned(),
            region: region.to_owned(),
            domain: domain.to_owned(),
        })
    }
}

/// User and password for the registry, from the function's role.
pub(super) async fn token(host: &EcrHost, network: &Network) -> Result<Credentials, ImageError> {
    let asked = ask(host, network).await;
    asked.map_err(|reason| ImageError::Ecr {
        registry: host.host.clone(),
        reason,
    })
}

async fn ask(host: &EcrHost, network: &Network) -> Result<Credentials, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        authorization_data: Vec<Token>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Token {
        authorization_token: String,
    }
    let config = own_role_config(Some(host.region.clone()), network).await;
    let url = match config.endpoint_url() {
        Some(url) => format!("{}/", url.trim_end_matches('/')),
        None => format!("https://api.ecr.{}.{}/", host.region, host.domain),
    };
    let signer = Signer {
        service: "ecr",
        style: SigningStyle::Standard,
        region: host.region.clone(),
        credentials: config.credentials_provider(),
    };
    let request = UnsignedRequest {
        method: "POST",
        url: url.clone(),
        headers: vec![
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", OPERATION),
        ],
        body: BODY.as_bytes().to_vec(),
    };
    let transport = Transport::new(TlsVerify::Verify, network);
    // A loop, not `RETRIES.run`: the compiler cannot show that the future of an async closure is `Send`.
    let mut pauses = RETRIES.pauses();
    let body = loop {
        let message = signer.sign(&request).await?;
        let reason = match send(&transport, message.map(SdkBody::from)).await {
            Ok(body) => break body,
            Err(RequestError::Permanent(reason)) => return Err(format!("{url}: {reason}")),
            Err(RequestError::Transient(reason)) => reason,
        };
        let Some(pause) = pauses.next() else {
            return Err(format!("{url}: {reason}"));
        };
        tokio::time::sleep(pause).await;
    };
    let answer: Answer = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
    let token = answer.authorization_data.into_iter().next();
    Ok(Credentials {
        basic: token
            .ok_or("the answer holds no token")?
            .authorization_token,
        source: Source::Role,
    })
}

async fn send(
    transport: &Transport,
    request: http::Request<SdkBody>,
) -> Result<Vec<u8>, RequestError> {
    let response = transport.send(request).await.map_err(RequestError::from)?;
    let status = response.status();
    let body = read_all(response.into_body(), LARGEST).await;
    let body = body.map_err(|error| match error {
        Incomplete::Broken(reason) => RequestError::Transient(reason),
        Incomplete::TooLarge { .. } => RequestError::Permanent(error.to_string()),
    })?;
    if status.is_success() {
        return Ok(body);
    }
    let text = String::from_utf8_lossy(&body);
    let reason = format!("answered {status}: {text}");
    // A busy service says so with 400 and the name of the error (AWS JSON 1.1 protocol).
    let busy = status.as_u16() == 429 || text.contains("Throttling");
    Err(if status.is_server_error() || busy {
        RequestError::Transient(reason)
    } else {
        RequestError::Permanent(reason)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ecr_is_ecr() {
        let host = EcrHost::parse("123456789012.dkr.ecr.eu-west-1.amazonaws.com").unwrap();
        assert_eq!(host.region, "eu-west-1");
        let china = EcrHost::parse("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn").unwrap();
        assert_eq!(china.domain, "amazonaws.com.cn");
        for other in [
            "public.ecr.aws",
            "x.dkr.ecr.eu-west-1.amazonaws.com",
            "1.dkr.ecr.eu-west-1.amazonaws.com.evil.example",
            "docker.io",
        ] {
            assert_eq!(EcrHost::parse(other), None, "{other}");
        }
    }
}
