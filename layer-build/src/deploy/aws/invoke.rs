//! Calls a function directly.

use aws_sdk_lambda::operation::invoke::InvokeOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{InvocationType, LogType};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use net::error::RequestError;
use serde_json::Value;

use super::Services;
use super::error::{AwsError, AwsErrorKind, Context};
use super::retry::THROTTLED_CALL;

/// How to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The function.
    pub function: String,
    /// Whether to wait for the result.
    pub invocation_type: InvocationType,
    /// Whether the answer brings the end of the log.
    pub log_type: LogType,
}

impl Call {
    /// A call that waits for the result.
    pub fn waiting(function: &str, log_type: LogType) -> Self {
        Self {
            function: function.to_owned(),
            invocation_type: InvocationType::RequestResponse,
            log_type,
        }
    }
}

/// Exit code of a container that was stopped at its deadline, as `timeout` has it (coreutils).
const TIMED_OUT: u8 = 124;

/// Function errors that say how the container ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ContainerError {
    Failed,
    Killed,
    TimedOut,
}

impl ContainerError {
    /// By the name that the supervisor reports.
    fn named(name: &str) -> Option<Self> {
        match name {
            "ContainerFailed" => Some(Self::Failed),
            "ContainerKilled" => Some(Self::Killed),
            "ContainerTimedOut" => Some(Self::TimedOut),
            _ => None,
        }
    }
}

/// The function's answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// The payload; text where it is not JSON.
    pub payload: Value,
    /// `Handled` or `Unhandled` if the function failed.
    pub error: Option<String>,
    /// The last 4 KB of the log.
    pub log: Option<String>,
    /// Status of the request.
    pub status: i32,
}

/// Calls a function. A call that waits is repeated only when Lambda says that it was too busy to run the function: after any other
/// failure the function may be running.
///
/// # Errors
/// [`AwsError`] when the call itself failed.
pub async fn invoke(services: &Services, call: &Call, payload: &Value) -> Result<Answer, AwsError> {
    let waits = call.invocation_type == InvocationType::RequestResponse;
    let client = if waits {
        &services.calls
    } else {
        &services.lambda
    };
    let mut request = client
        .invoke()
        .function_name(&call.function)
        .invocation_type(call.invocation_type.clone())
        .payload(Blob::new(payload.to_string()));
    if waits {
        request = request.log_type(call.log_type.clone());
    }
    let answer = THROTTLED_CALL
        .run(async || {
            let answer = request.clone().send().await;
            let answer = answer.context(format!("call function {}", call.function));
            answer.map_err(|error| match error.kind {
                AwsErrorKind::Throttled if waits => RequestError::Transient(error),
                _ => RequestError::Permanent(error),
            })
        })
        .await?;
    Ok(read(answer))
}

fn read(answer: InvokeOutput) -> Answer {
    let text = answer.payload.map(Blob::into_inner).unwrap_or_default();
    let log = answer
        .log_result
        .and_then(|log| BASE64_STANDARD.decode(log).ok());
    Answer {
        payload: serde_json::from_slice(&text)
            .unwrap_or_else(|_| String::from_utf8_lossy(&text).into_owned().into()),
        error: answer.function_error,
        log: log.map(|log| String::from_utf8_lossy(&log).into_owned()),
        status: answer.status_code,
    }
}

impl Answer {
    /// The container's output, and the code to exit with: the container's own where it is known.
    pub fn outcome(&self) -> (Vec<u8>, u8) {
        if self.error.is_some() {
            let message = self.payload.get("errorMessage").and_then(Value::as_str);
            let message = message.map_or_else(|| self.payload.to_string(), str::to_owned);
            let code = self.code_of_error(&message);
            return (format!("{message}\n").into_bytes(), code);
        }
        let body = self.payload.get("body").and_then(Value::as_str);
        let encoded = self
            .payload
            .get("isBase64Encoded")
            .and_then(Value::as_bool)
            .unwrap_or(false);
        let output = match body {
            Some(text) if encoded => BASE64_STANDARD
                .decode(text)
                .unwrap_or_else(|_| text.as_bytes().to_vec()),
            Some(text) => text.as_bytes().to_vec(),
            None if self.payload.is_null() || self.payload == "" => Vec::new(),
            None => format!("{}\n", self.payload).into_bytes(),
        };
        (output, self.code())
    }

    /// The exit code that a function error stands for. Its first line says how the container ended.
    fn code_of_error(&self, message: &str) -> u8 {
        let first = message.lines().next().unwrap_or_default();
        let number = |before: &str| {
            let digits = first.split_once(before)?.1;
            let end = digits.find(|next: char| !next.is_ascii_digit());
            digits
                .get(..end.unwrap_or(digits.len()))?
                .parse::<u8>()
                .ok()
        };
        let name = self.payload.get("errorType").and_then(Value::as_str);
        let code = match name.and_then(ContainerError::named) {
            Some(ContainerError::Failed) => number("exited with code "),
            Some(ContainerError::Killed) => {
                number("killed by signal ").map(|signal| signal.wrapping_add(128))
            }
            Some(ContainerError::TimedOut) => Some(TIMED_OUT),
            None => None,
        };
        code.unwrap_or(1)
    }

    /// The exit code in the response's header, else the one that its status stands for.
    fn code(&self) -> u8 {
        let header = self.payload.pointer("/headers/x-faas-exit-code");
        let header = header.and_then(|value| {
            value
                .as_str()
                .map(str::to_owned)
                .or_else(|| value.as_i64().map(|code| code.to_string()))
        });
        let status = self
            .payload
            .get("statusCode")
            .and_then(Value::as_i64)
            .unwrap_or(200);
        match (header.and_then(|code| code.parse().ok()), status) {
            (Some(code), _) => code,
            (None, ..=399) => 0,
            (None, 504) => TIMED_OUT,
            (None, _) => 1,
        }
    }
}
