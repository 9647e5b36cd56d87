//! Why a request to AWS failed, and what to do about it.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use net::error::chain;
use thiserror::Error;

/// A failed request.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("cannot {what}: {detail}{}", .kind.hint())]
pub struct AwsError {
    /// What was being done, as it follows "cannot": `create function hello`.
    pub what: String,
    /// The words of the service or of the network.
    pub detail: String,
    /// What kind of failure it is.
    pub kind: AwsErrorKind,
}

/// Kinds of failures that this command handles, or has a hint for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AwsErrorKind {
    /// The resource does not exist.
    Absent,
    /// The resource exists already.
    AlreadyExists,
    /// The user lacks a permission.
    Denied,
    /// There were too many requests.
    Throttled,
    /// Lambda cannot assume the function's role, or not yet.
    RoleNotAssumable,
    /// S3 may not call the function, or does not know yet that it may.
    DestinationNotAllowed,
    /// There are no credentials.
    NoCredentials,
    /// The session of the profile's single sign-on is over.
    SignedOut,
    /// The credentials have expired.
    ExpiredCredentials,
    /// AWS does not know the credentials.
    UnknownCredentials,
    /// The bucket is in another region.
    WrongRegion,
    /// The bucket's name belongs to another account.
    BucketNameTaken,
    /// Anything else.
    Other,
}

impl AwsErrorKind {
    /// Classifies a failure by the service's code (empty when the service was not reached) and words. Services have many codes
    /// for one thing, and sometimes one code for many things.
    fn of(code: &str, detail: &str) -> Self {
        if detail.contains("SSO token") {
            return Self::SignedOut;
        }
        if detail.contains("no providers in chain") {
            return Self::NoCredentials;
        }
        match code {
            "ResourceNotFoundException"
            | "NotFoundException"
            | "NotFound"
            | "NoSuchBucket"
            | "NoSuchKey"
            | "404"
            | "ParameterNotFound"
            | "NoSuchEntity" => Self::Absent,
            _ if code.starts_with("InvalidLaunchTemplate") && code.contains(".NotFound") => {
                Self::Absent
            }
            // AWS Batch has one code for every mistake.
            "ClientException" if detail.contains("not exist") => Self::Absent,
            "ResourceConflictException"
            | "ResourceAlreadyExistsException"
            | "BucketAlreadyOwnedByYou"
            | "InvalidLaunchTemplateName.AlreadyExistsException" => Self::AlreadyExists,
            "UnauthorizedOperation" | "403" => Self::Denied,
            _ if code.contains("AccessDenied") => Self::Denied,
            "TooManyRequestsException" | "RequestLimitExceeded" | "SlowDown" => Self::Throttled,
            _ if code.contains("Throttl") => Self::Throttled,
            "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => Self::ExpiredCredentials,
            "InvalidClientTokenId" | "UnrecognizedClientException" | "AuthFailure" => {
                Self::UnknownCredentials
            }
            "301" | "PermanentRedirect" | "AuthorizationHeaderMalformed" => Self::WrongRegion,
            "BucketAlreadyExists" => Self::BucketNameTaken,
            _ if detail.contains("cannot be assumed by Lambda") => Self::RoleNotAssumable,
            _ if detail.contains("Unable to validate the following destination") => {
                Self::DestinationNotAllowed
            }
            _ => Self::Other,
        }
    }

    /// What the user can do, to append to a message; empty where there is nothing to say.
    fn hint(self) -> &'static str {
        match self {
            Self::SignedOut => "; sign in with `aws sso login --profile PROFILE`",
            Self::NoCredentials => {
                "; there are no credentials: see $HOME/.aws/credentials and --profile"
            }
            Self::Denied => {
                "; the profile's user lacks the permission for it: add it, or choose another profile with --profile"
            }
            Self::ExpiredCredentials => "; the credentials have expired: renew them",
            Self::UnknownCredentials => {
                "; AWS does not know these credentials: see $HOME/.aws/credentials and --profile"
            }
            Self::WrongRegion => "; the bucket is in another region than s3.region",
            Self::BucketNameTaken => {
                "; another account has a bucket of this name: choose another name"
            }
            Self::Absent
            | Self::AlreadyExists
            | Self::Throttled
            | Self::RoleNotAssumable
            | Self::DestinationNotAllowed
            | Self::Other => "",
        }
    }
}

impl AwsError {
    /// A failure without a service's code: the service was not reached, or its answer cannot be used.
    pub fn new(what: impl Into<String>, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self {
            what: what.into(),
            kind: AwsErrorKind::of("", &detail),
            detail,
        }
    }

    /// A service's refusal.
    pub fn refused(what: impl Into<String>, code: &str, message: &str) -> Self {
        Self {
            what: what.into(),
            kind: AwsErrorKind::of(code, message),
            detail: format!("{message} ({code})"),
        }
    }
}

/// Turns an SDK client's error into an [`AwsError`].
pub trait Context<T> {
    /// Adds what was being done, as it follows "cannot".
    ///
    /// # Errors
    /// The client's error, with that.
    fn context(self, what: impl Into<String>) -> Result<T, AwsError>;
}

impl<T, E> Context<T> for Result<T, SdkError<E, HttpResponse>>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    fn context(self, what: impl Into<String>) -> Result<T, AwsError> {
        self.map_err(|error| {
            // The answer to a HEAD request has no body with a code.
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
                what: what.into(),
                kind: AwsErrorKind::of(&code.unwrap_or_default(), &detail),
                detail,
            }
        })
    }
}

/// Ignores that something to remove does not exist.
///
/// # Errors
/// Every other error.
pub fn ignore_absence<T>(answer: Result<T, AwsError>) -> Result<(), AwsError> {
    match answer {
        Err(error) if error.kind != AwsErrorKind::Absent => Err(error),
        _ => Ok(()),
    }
}

/// Takes it that a user who may not look at a service has nothing there.
///
/// # Errors
/// Every error but a denial.
pub fn default_if_denied<T: Default>(answer: Result<T, AwsError>) -> Result<T, AwsError> {
    match answer {
        Err(error) if error.kind == AwsErrorKind::Denied => Ok(T::default()),
        answer => answer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_apart_by_code_and_words() {
        for (code, message, expected) in [
            ("ParameterNotFound", "", AwsErrorKind::Absent),
            (
                "InvalidLaunchTemplateName.NotFoundException",
                "",
                AwsErrorKind::Absent,
            ),
            (
                "ClientException",
                "jobQueue q does not exist",
                AwsErrorKind::Absent,
            ),
            ("ClientException", "it is in use", AwsErrorKind::Other),
            ("AccessDeniedException", "no", AwsErrorKind::Denied),
            ("ThrottlingException", "", AwsErrorKind::Throttled),
            (
                "InvalidParameterValueException",
                "The role defined for the function cannot be assumed by Lambda.",
                AwsErrorKind::RoleNotAssumable,
            ),
        ] {
            let error = AwsError::refused("look", code, message);
            assert_eq!(error.kind, expected, "{code}");
        }
        let denied = AwsError::refused("list functions", "AccessDenied", "not authorized");
        assert_eq!(
            denied.to_string(),
            "cannot list functions: not authorized (AccessDenied); the profile's user lacks the permission for it: add it, or \
             choose another profile with --profile"
        );
    }
}
