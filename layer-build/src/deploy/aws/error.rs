//! What AWS said no to, and what to do about it.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use thiserror::Error;

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("cannot {doing}: {detail}{}", hint(.code, .detail))]
pub struct AwsError {
    /// What was tried: `create function hello`.
    pub doing: String,
    /// The service's code; empty when the service was not reached.
    pub code: String,
    /// The service's or the network's words.
    pub detail: String,
}

impl AwsError {
    /// An error of ours about a service: it answered something that cannot be used.
    pub fn new(doing: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            doing: doing.into(),
            code: String::new(),
            detail: detail.into(),
        }
    }

    /// Whether it is about something that is not there. Services have many codes for it.
    pub fn is_absence(&self) -> bool {
        const CODES: [&str; 10] = [
            "ResourceNotFoundException",
            "NotFoundException",
            "NotFound",
            "NoSuchBucket",
            "NoSuchKey",
            "404",
            "ParameterNotFound",
            "NoSuchEntity",
            "InvalidLaunchTemplateName.NotFoundException",
            "InvalidLaunchTemplateName.NotFound",
        ];
        // AWS Batch has one code for every mistake.
        let of_batch = self.code == "ClientException"
            && (self.detail.contains("not exist") || self.detail.contains("not found"));
        CODES.contains(&self.code.as_str())
            || of_batch && (self.code != "ClientException" || self.detail.contains("not exist"))
    }

    /// Whether it was refused because there were too many calls.
    pub fn is_throttling(&self) -> bool {
        const CODES: [&str; 3] = [
            "TooManyRequestsException",
            "RequestLimitExceeded",
            "SlowDown",
        ];
        self.code.contains("Throttl") || CODES.contains(&self.code.as_str())
    }

    /// Whether the user may not do it.
    pub fn is_denial(&self) -> bool {
        self.code.contains("AccessDenied")
            || ["UnauthorizedOperation", "403"].contains(&self.code.as_str())
    }

    /// Whether it is about something that is there already.
    pub fn is_presence(&self) -> bool {
        const CODES: [&str; 4] = [
            "ResourceConflictException",
            "ResourceAlreadyExistsException",
            "BucketAlreadyOwnedByYou",
            "InvalidLaunchTemplateName.AlreadyExistsException",
        ];
        CODES.contains(&self.code.as_str())
    }
}

fn hint(code: &str, detail: &str) -> &'static str {
    match code {
        _ if detail.contains("SSO token") => "; sign in with `aws sso login --profile PROFILE`",
        _ if detail.contains("no providers in chain") => {
            "; there are no credentials: see $HOME/.aws/credentials and --profile"
        }
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" | "403" => {
            "; the profile's user lacks the permission for it: add it, or choose another profile with --profile"
        }
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => {
            "; the credentials have expired: renew them"
        }
        "InvalidClientTokenId" | "UnrecognizedClientException" | "AuthFailure" => {
            "; AWS does not know these credentials: see $HOME/.aws/credentials and --profile"
        }
        "301" | "PermanentRedirect" | "AuthorizationHeaderMalformed" => {
            "; the bucket is in another region than s3.region"
        }
        "BucketAlreadyExists" => "; another account has a bucket of this name: choose another name",
        _ => "",
    }
}

/// Turns a client's error into an [`AwsError`].
pub trait Doing<T> {
    /// Says what was tried.
    ///
    /// # Errors
    /// The client's error, with that.
    fn doing(self, what: impl Into<String>) -> Result<T, AwsError>;
}

impl<T, E> Doing<T> for Result<T, SdkError<E, HttpResponse>>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    fn doing(self, what: impl Into<String>) -> Result<T, AwsError> {
        self.map_err(|error| {
            // An answer to HEAD has no body that could hold a code.
            let status = || Some(error.raw_response()?.status().as_u16().to_string());
            let code = error.code().map(str::to_owned).or_else(status);
            let detail = match (error.message(), &code) {
                (Some(message), Some(code)) => format!("{message} ({code})"),
                (None, Some(code)) if error.as_service_error().is_some() => {
                    format!("AWS answered {code}")
                }
                _ => chain(&error),
            };
            AwsError {
                doing: what.into(),
                detail,
                code: code.unwrap_or_default(),
            }
        })
    }
}

/// An error with everything that caused it.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}
