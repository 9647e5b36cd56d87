//! The payload's shape, and how a long log is made to fit into it.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{ERROR_LOG_LIMIT, Finished, Outcome, PAYLOAD_LIMIT};

/// Room kept for everything in a payload but the body. Ids and log names are at most 512 characters each
/// (`CloudWatch` Logs API reference), six times that when every character is escaped.
const ENVELOPE: usize = 16 * 1024;

/// Longest header value taken over, in bytes, so that the envelope cannot outgrow its room.
const HEADER_LIMIT: usize = 512;

/// Most of a log that a response carries, in bytes before base64. Capturing more than this is of no use.
pub const fn log_limit() -> usize {
    (PAYLOAD_LIMIT - ENVELOPE) / 4 * 3
}

/// The line that stands for `bytes` that were cut out of a log.
pub fn cut_marker(bytes: u64) -> String {
    format!("\n[... {bytes} bytes of output cut here ...]\n")
}

/// Head and tail of a log with the [`cut_marker`] between, at most `limit` bytes; the log itself when it fits.
/// A limit too small for the marker keeps the tail alone.
pub fn shorten(log: &[u8], limit: usize) -> Cow<'_, [u8]> {
    if log.len() <= limit {
        return Cow::Borrowed(log);
    }
    // The marker's length depends on the number in it: the longest one it can hold is reserved.
    let reserved = cut_marker(log.len() as u64).len();
    let Some(room) = limit.checked_sub(reserved) else {
        return Cow::Borrowed(tail(log, limit));
    };
    let head = head(log, room / 2);
    let tail = tail(log, room - head.len());
    let cut = log.len() - head.len() - tail.len();
    Cow::Owned([head, cut_marker(cut as u64).as_bytes(), tail].concat())
}

/// The payload of an outcome.
pub(super) fn build(finished: &Finished) -> Value {
    let (status, body) = match &finished.outcome {
        Outcome::Exited { code: 0 } => (200, shorten(&finished.log, log_limit())),
        Outcome::Exited { .. } | Outcome::Killed { .. } => {
            (500, shorten(&finished.log, log_limit()))
        }
        Outcome::TimedOut => (504, shorten(&finished.log, log_limit())),
        Outcome::Failed(failure) => {
            let message = format!(
                "{}: {}",
                failure.name,
                shortened_text(failure.message.as_bytes(), log_limit() / 8)
            );
            (
                500,
                Cow::Owned(json!({ "exception": message }).to_string().into_bytes()),
            )
        }
    };
    let mut headers = json!({
        "amz-lambda-request-id": shortened_text(finished.request_id.as_bytes(), HEADER_LIMIT),
        "amz-log-group-name": shortened_text(finished.log_group.as_bytes(), HEADER_LIMIT),
        "amz-log-stream-name": shortened_text(finished.log_stream.as_bytes(), HEADER_LIMIT),
    });
    if let Outcome::Exited {
        code: code @ (..=-1 | 1..),
    } = finished.outcome
    {
        headers["x-faas-exit-code"] = json!(code.to_string());
    }
    json!({
        "statusCode": status,
        "headers": headers,
        "body": STANDARD.encode(body),
        "isBase64Encoded": true,
    })
}

/// One line that says what happened, then the end of the log.
pub(super) fn error_message(finished: &Finished) -> String {
    let what = match (&finished.outcome, finished.time_limit) {
        (Outcome::Exited { code }, _) => format!("the container exited with code {code}"),
        (Outcome::Killed { signal }, _) => format!("the container was killed by signal {signal}"),
        (Outcome::TimedOut, Some(limit)) => {
            format!(
                "the container was stopped at its time limit of {:.1} s",
                limit.as_secs_f64()
            )
        }
        (Outcome::TimedOut, None) => "the container was stopped at its time limit".to_owned(),
        (Outcome::Failed(failure), _) => {
            shortened_text(failure.message.as_bytes(), log_limit() / 8)
        }
    };
    if finished.log.is_empty() {
        return what;
    }
    let end = tail(&finished.log, ERROR_LOG_LIMIT);
    let whole = if end.len() == finished.log.len() {
        "its output"
    } else {
        "the end of its output"
    };
    format!("{what}; {whole}:\n{}", String::from_utf8_lossy(end))
}

fn shortened_text(text: &[u8], limit: usize) -> String {
    String::from_utf8_lossy(&shorten(text, limit)).into_owned()
}

/// The last `limit` bytes, fewer where that would begin in the middle of a character.
fn tail(log: &[u8], limit: usize) -> &[u8] {
    let mut start = log.len().saturating_sub(limit);
    if start > 0 {
        start += continuation_bytes(log.iter().skip(start));
    }
    log.get(start..).unwrap_or_default()
}

/// The first `limit` bytes, fewer where that would end in the middle of a character.
fn head(log: &[u8], limit: usize) -> &[u8] {
    let inside_a_character = matches!(log.get(limit), Some(0x80..=0xBF));
    let back = continuation_bytes(log.iter().take(limit).rev());
    let end = if inside_a_character {
        limit.saturating_sub(back + 1)
    } else {
        limit
    };
    log.get(..end).unwrap_or(log)
}

/// How many bytes continue a character before one starts: at most three (RFC 3629), else it is no UTF-8.
fn continuation_bytes<'a>(bytes: impl Iterator<Item = &'a u8>) -> usize {
    bytes
        .take(3)
        .take_while(|byte| matches!(byte, 0x80..=0xBF))
        .count()
}
