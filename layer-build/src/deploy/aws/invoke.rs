//! Calling a function directly.

use std::time::Duration;

use aws_sdk_lambda::operation::invoke::InvokeOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{InvocationType, LogType};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::Services;
use super::error::{AwsError, Doing};

/// How to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The function.
    pub function: String,
    /// `RequestResponse`, `Event` or `DryRun`.
    pub invocation_type: String,
    /// `Tail` or `None`.
    pub log_type: String,
}

/// What the function answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// The payload; text where it is not JSON.
    pub payload: Value,
    /// `Handled` or `Unhandled` when the function failed.
    pub error: Option<String>,
    /// The last 4 KB of the log.
    pub log: Option<String>,
    /// Status of the request.
    pub status: i32,
}

/// Tries of a call that is refused before the function has run, the first included.
const ATTEMPTS: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Calls a function. One that is waited for is called again only when Lambda says that it was too busy to run it; any other
/// failure may mean that the function is running already.
///
/// # Errors
/// [`AwsError`] when the call itself failed.
pub async fn invoke(services: &Services, call: &Call, payload: &Value) -> Result<Answer, AwsError> {
    let waits = call.invocation_type == "RequestResponse";
    let client = if waits {
        &services.calls
    } else {
        &services.lambda
    };
    let mut request = client
        .invoke()
        .function_name(&call.function)
        .invocation_type(InvocationType::from(call.invocation_type.as_str()))
        .payload(Blob::new(payload.to_string()));
    if waits {
        request = request.log_type(LogType::from(call.log_type.as_str()));
    }
    let mut pause = FIRST_PAUSE;
    for _ in 1..ATTEMPTS {
        let answer = request.clone().send().await;
        match answer.doing(format!("call function {}", call.function)) {
            Err(error) if waits && error.is_throttling() => {}
            answer => return answer.map(read),
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    let answer = request.send().await;
    answer
        .doing(format!("call function {}", call.function))
        .map(read)
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
    /// What the container wrote, and the code to exit with: the container's own where it is known.
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

    /// An event that started the container has its end reported as a function error, whose first line says how it ended.
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
        let kind = self.payload.get("errorType").and_then(Value::as_str);
        let code = match kind {
            Some("ContainerFailed") => number("exited with code "),
            Some("ContainerKilled") => {
                number("killed by signal ").map(|signal| signal.wrapping_add(128))
            }
            Some("ContainerTimedOut") => Some(124),
            _ => None,
        };
        code.unwrap_or(1)
    }

    /// The header that carries the container's code, else what the status stands for.
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
            // As `timeout` does (coreutils).
            (None, 504) => 124,
            (None, _) => 1,
        }
    }
}
