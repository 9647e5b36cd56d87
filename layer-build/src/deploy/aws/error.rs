//! What AWS said no to, and what to do about it.

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use thiserror::Error;

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("cannot {doing}: {detail}{}", hint(.code))]
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
            "ClientException",
        ];
        CODES.contains(&self.code.as_str())
            && (self.code != "ClientException" || self.detail.contains("not exist"))
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

fn hint(code: &str) -> &'static str {
    match code {
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" => {
            "; the profile's user lacks the permission for it: add it, or choose another profile with --profile"
        }
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => {
            "; the credentials have expired: renew them"
        }
        "InvalidClientTokenId" | "UnrecognizedClientException" | "AuthFailure" => {
            "; AWS does not know these credentials: see $HOME/.aws/credentials and --profile"
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

impl<T, E, R> Doing<T> for Result<T, SdkError<E, R>>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    fn doing(self, what: impl Into<String>) -> Result<T, AwsError> {
        self.map_err(|error| {
            let code = error.code().unwrap_or_default().to_owned();
            let message = error.message().map(|message| format!("{message} ({code})"));
            AwsError {
                doing: what.into(),
                detail: message.unwrap_or_else(|| chain(&error)),
                code,
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
