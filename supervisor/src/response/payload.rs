//! The payload of an answer: status, headers and body, in the shape its caller understands.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::shorten::{shorten, shortened_text, tail};
use super::{ERROR_LOG_LIMIT, Files, Finished, Outcome, body_limit, log_limit};
use crate::event::{HeaderForm, HttpApi, Source};

/// Longest header value, in bytes. Longer ones are cut, so that the envelope fits its room.
const HEADER_LIMIT: usize = 512;

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// What a payload says, before it has a shape.
struct Answer<'a> {
    status: u16,
    content_type: Cow<'a, str>,
    body: Cow<'a, [u8]>,
}

/// The payload of an outcome, for a caller that came through `source`.
pub(super) fn build(finished: &Finished, source: &Source) -> Value {
    let limit = body_limit(source);
    let answer = answer(finished, limit);
    // Those who invoke a function directly know a log by its shape, as they always did; files have to be named.
    let typed = matches!(source, Source::Http(_)) || ![TEXT, JSON].contains(&&*answer.content_type);
    let mut headers = headers(finished);
    if typed {
        headers.insert("content-type".to_owned(), json!(answer.content_type));
    }
    let mut payload = json!({
        "statusCode": answer.status,
        "body": STANDARD.encode(&answer.body),
        "isBase64Encoded": true,
    });
    if let Source::Http(HttpApi::Alb(_)) = source {
        // Elastic Load Balancing user guide: the description is required, in this form.
        payload["statusDescription"] =
            json!(format!("{} {}", answer.status, reason(answer.status)));
    }
    if let Source::Http(HttpApi::Alb(HeaderForm::Multi)) = source {
        let lists = headers
            .into_iter()
            .map(|(name, value)| (name, json!([value])));
        payload["multiValueHeaders"] = lists.collect::<Map<_, _>>().into();
    } else {
        payload["headers"] = headers.into();
    }
    payload
}

fn answer(finished: &Finished, limit: usize) -> Answer<'_> {
    let log = |status| Answer {
        status,
        content_type: TEXT.into(),
        body: shorten(&finished.log, limit),
    };
    match &finished.outcome {
        Outcome::Exited { code: 0 } => match &finished.files {
            None => log(200),
            Some(Files::One {
                content_type,
                bytes,
            }) if bytes.len() <= limit => Answer {
                status: 200,
                content_type: content_type.into(),
                body: bytes.into(),
            },
            Some(Files::Archive(bytes)) if bytes.len() <= limit => Answer {
                status: 200,
                content_type: "application/zip".into(),
                body: bytes.into(),
            },
            Some(files) => Answer {
                status: 413,
                content_type: JSON.into(),
                body: files.too_large(limit, &finished.destinations).into(),
            },
        },
        Outcome::Delegated { .. } => log(202),
        Outcome::Exited { .. } | Outcome::Killed { .. } => log(500),
        Outcome::TimedOut => log(504),
        Outcome::Failed(failure) => {
            let message = shortened_text(failure.message.as_bytes(), limit / 8);
            let exception = json!({ "exception": format!("{}: {message}", failure.name) });
            Answer {
                status: 500,
                content_type: JSON.into(),
                body: exception.to_string().into_bytes().into(),
            }
        }
    }
}

fn headers(finished: &Finished) -> Map<String, Value> {
    let ids = [
        ("amz-lambda-request-id", &finished.request_id),
        ("amz-log-group-name", &finished.log_group),
        ("amz-log-stream-name", &finished.log_stream),
    ];
    let mut headers: Map<_, _> = ids
        .into_iter()
        .map(|(name, id)| {
            let id = shortened_text(id.as_bytes(), HEADER_LIMIT);
            (name.to_owned(), json!(id))
        })
        .collect();
    if let Outcome::Exited {
        code: code @ (..=-1 | 1..),
    } = finished.outcome
    {
        headers.insert("x-faas-exit-code".to_owned(), json!(code.to_string()));
    }
    if !finished.jobs.is_empty() {
        let jobs = shortened_text(finished.jobs.join(", ").as_bytes(), HEADER_LIMIT);
        headers.insert("x-faas-batch-job-id".to_owned(), json!(jobs));
    }
    headers
}

/// The reason phrase of a status we answer with (RFC 9110, section 15).
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        202 => "Accepted",
        413 => "Content Too Large",
        504 => "Gateway Timeout",
        _ => "Internal Server Error",
    }
}

/// What happened, in a few words.
pub(super) fn what(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Exited { code } => format!("the container exited with code {code}"),
        Outcome::Killed { signal } => format!("the container was killed by signal {signal}"),
        Outcome::TimedOut => "the container was stopped at its time limit".to_owned(),
        Outcome::Delegated { job_id } => format!("delegated to AWS Batch job {job_id}"),
        Outcome::Failed(failure) => shortened_text(failure.message.as_bytes(), log_limit() / 8),
    }
}

/// One line that says what happened, then the end of the log.
pub(super) fn error_message(finished: &Finished) -> String {
    let what = match (&finished.outcome, finished.time_limit) {
        (Outcome::TimedOut, Some(limit)) => {
            format!(
                "{} of {:.1} s",
                what(&Outcome::TimedOut),
                limit.as_secs_f64()
            )
        }
        (outcome, _) => what(outcome),
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
