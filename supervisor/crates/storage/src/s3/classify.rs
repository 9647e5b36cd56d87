//! Turns the SDK's errors into ones that say what to do.

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::{RequestId, RequestIdExt};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::error::{StorageError, Target};
use net::error::chain;
use net::tls;

/// Sorts an error of an S3 call. Codes: S3 API reference, "Error responses".
pub(super) fn classify<E>(target: &Target, error: &SdkError<E, HttpResponse>) -> StorageError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let target = Box::new(target.clone());
    let Some(response) = error.raw_response() else {
        return without_response(target, error);
    };
    let status = response.status().as_u16();
    let code = error.code().unwrap_or_default();
    let region = response
        .headers()
        .get("x-amz-bucket-region")
        .map(str::to_owned);
    let detail = describe(error, response);
    match (code, status) {
        ("NoSuchBucket", _) => StorageError::NoSuchBucket { target },
        (
            "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" | "RequestExpired",
            _,
        ) => StorageError::ExpiredCredentials { target, detail },
        ("PermanentRedirect" | "TemporaryRedirect" | "IllegalLocationConstraintException", _)
        | (_, 301 | 307 | 308) => StorageError::WrongRegion { target, region },
        ("AuthorizationHeaderMalformed", _) if region.is_some() => {
            StorageError::WrongRegion { target, region }
        }
        (
            "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "InvalidToken"
            | "AuthorizationHeaderMalformed"
            | "RequestTimeTooSkewed"
            | "InvalidClientTokenId",
            _,
        ) => StorageError::InvalidCredentials { target, detail },
        ("PreconditionFailed", _) | (_, 412) => StorageError::Changed { target },
        ("NoSuchKey" | "NoSuchVersion" | "NotFound", _) => StorageError::NotFound { target },
        ("NoSuchUpload", _) => StorageError::Other { target, detail },
        (_, 401 | 403) => StorageError::AccessDenied { target, detail },
        (_, 404) => StorageError::NotFound { target },
        _ => StorageError::Other { target, detail },
    }
}

/// Whether the store says that the range begins behind the object's end: an empty object has no first byte.
pub(super) fn is_unsatisfiable_range<E>(error: &SdkError<E, HttpResponse>) -> bool {
    error
        .raw_response()
        .is_some_and(|response| response.status().as_u16() == 416)
}

/// No request was sent, or no answer came back.
fn without_response<E>(target: Box<Target>, error: &SdkError<E, HttpResponse>) -> StorageError
where
    E: std::error::Error + 'static,
{
    let detail = chain(error);
    if find(error, &|link| link.is::<CredentialsError>()) {
        return StorageError::InvalidCredentials { target, detail };
    }
    if find(error, &tls::is_refusal) {
        return StorageError::Untrusted { target, detail };
    }
    match error {
        // The connection could not even be tried: a certificate bundle that cannot be read, a proxy that does not let us in.
        SdkError::DispatchFailure(failure) if failure.is_user() => StorageError::Provider {
            provider: target.provider,
            reason: detail,
        },
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) => {
            StorageError::Unreachable { target, detail }
        }
        _ => StorageError::Other { target, detail },
    }
}

fn find(
    error: &(dyn std::error::Error + 'static),
    wanted: &dyn Fn(&(dyn std::error::Error + 'static)) -> bool,
) -> bool {
    let mut next = Some(error);
    while let Some(link) = next {
        if wanted(link) {
            return true;
        }
        next = link.source();
    }
    false
}

/// `AccessDenied: Access Denied; HTTP 403, request 4442587FB7D0A2F9`.
fn describe<E>(error: &SdkError<E, HttpResponse>, response: &HttpResponse) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let mut text = match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        (None, Some(message)) => message.to_owned(),
        (None, None) => String::from("no explanation"),
    };
    text.push_str("; HTTP ");
    text.push_str(&response.status().as_u16().to_string());
    if let Some(id) = response.request_id() {
        text.push_str(", request ");
        text.push_str(id);
    }
    if let Some(id) = response.extended_request_id() {
        text.push_str(", host ");
        text.push_str(id);
    }
    text
}
