//! What a server's refusal means.

use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use http::header::WWW_AUTHENTICATE;
use http::{Method, Response, StatusCode};
use serde_json::Value;

use crate::error::{Operation, Protocol, StorageError, Target};

/// Most bytes of an explanation that are read.
const EXPLANATION: usize = 4096;
/// Longest explanation that a message repeats, in characters.
const SHOWN: usize = 200;

/// Whether another try may be answered otherwise. A move that fails as a gateway would (502) names another server in
/// its `Destination`, and always will (RFC 4918, 9.9.4).
pub(crate) fn is_transient(status: StatusCode, method: &Method) -> bool {
    match status.as_u16() {
        408 | 429 | 500 | 503 | 504 => true,
        502 => method.as_str() != "MOVE",
        _ => false,
    }
}

/// The error of an answer that is none of success (RFC 9110, 15.5 and 15.6; RFC 4918, 11).
pub(crate) async fn refusal(response: Response<SdkBody>, target: &Target) -> StorageError {
    let status = response.status();
    let offered = offered(&response);
    let mut detail = format!("HTTP {status}");
    if let Some(explanation) = explanation(&read_text(response, EXPLANATION).await) {
        detail = format!("{detail}: {explanation}");
    }
    let boxed = || Box::new(target.clone());
    match status.as_u16() {
        401 => {
            if let Some(offered) = offered.filter(|_| target.protocol == Protocol::Webdav) {
                detail = format!(
                    "{detail}; the server asks for {offered}, and only Basic authentication is spoken here"
                );
            }
            StorageError::InvalidCredentials {
                target: boxed(),
                detail,
            }
        }
        403 => StorageError::AccessDenied {
            target: boxed(),
            detail,
        },
        404 | 409 | 410 if target.operation == Operation::Upload => {
            StorageError::NoSuchBucket { target: boxed() }
        }
        404 | 410 => StorageError::NotFound { target: boxed() },
        412 | 416 if target.operation == Operation::Download => {
            StorageError::Changed { target: boxed() }
        }
        413 | 507 => StorageError::StoreFull {
            target: boxed(),
            detail,
        },
        _ => StorageError::Other {
            target: boxed(),
            detail,
        },
    }
}

/// The authentication that a server wants, when it does not want the one there is.
fn offered(response: &Response<SdkBody>) -> Option<String> {
    let schemes: Vec<_> = response
        .headers()
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .filter_map(|challenge| challenge.to_str().ok()?.split_whitespace().next())
        .collect();
    let basic = schemes
        .iter()
        .any(|scheme| scheme.eq_ignore_ascii_case("basic"));
    (!schemes.is_empty() && !basic).then(|| schemes.join(" or "))
}

/// What a server says in JSON (Onedata: `{"error": {"description": …}}`) or in plain text; pages for people say nothing.
fn explanation(text: &str) -> Option<String> {
    let text = match serde_json::from_str::<Value>(text) {
        Ok(value) => {
            let error = value.get("error")?;
            let said = error.get("description").or(error.get("id"));
            said.unwrap_or(error).as_str()?.to_owned()
        }
        Err(_) if text.trim_start().starts_with('<') => return None,
        Err(_) => text.split_whitespace().collect::<Vec<_>>().join(" "),
    };
    let shown: String = text
        .chars()
        .filter(|c| !c.is_control())
        .take(SHOWN)
        .collect();
    (!shown.is_empty()).then_some(shown)
}

/// The beginning of a body as text; what does not arrive is left out.
pub(crate) async fn read_text(response: Response<SdkBody>, most: usize) -> String {
    let mut body = ByteStream::new(response.into_body());
    let mut bytes = Vec::new();
    while bytes.len() < most {
        match tokio::time::timeout(super::STALLED, body.next()).await {
            Ok(Some(Ok(chunk))) => bytes.extend_from_slice(&chunk),
            _ => break,
        }
    }
    bytes.truncate(most);
    String::from_utf8_lossy(&bytes).into_owned()
}
