//! HTTP requests: API Gateway (REST and HTTP APIs, payload versions 1.0 and 2.0), Lambda function URLs (version 2.0) and
//! Application Load Balancers (API Gateway developer guide, "Lambda proxy integrations"; Lambda developer guide, "Function
//! URLs"; Elastic Load Balancing user guide, "Lambda functions as targets").
//!
//! The body is a direct payload. It is bytes after base64 decoding, which happens where the request says so
//! (`isBase64Encoded`), and where a client that knows no binary types has encoded the body itself: its content type is
//! `application/octet-stream` and the body is base64 to the letter.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;

use super::decode::{base64, form_decode, strict_base64};
use super::detect::{detect_known, indivisible};
use super::direct;
use super::document::Document;
use super::error::{EventError, Rejected, invalid};
use super::record::{Event, Record};
use super::scope::Scope;
use super::source::{HeaderForm, HttpApi, Source};
use config::HttpStorageEvents;

const BODY: &str = "body";
/// Largest headers and largest query parameters, in bytes of JSON: several times what the services pass on.
const LARGEST_PART: usize = 256 * 1024;

/// The event, when the document is a request.
pub(super) fn parse(document: &Document<'_>, scope: Scope<'_>) -> Option<Result<Event, Rejected>> {
    let api = api_of(document)?;
    let source = Source::Http(api);
    let event = request(document, api, scope);
    Some(event.map_err(|error| Rejected { source, error }))
}

fn api_of(document: &Document<'_>) -> Option<HttpApi> {
    let context = document.object("requestContext");
    let has = |name| context.as_ref().and_then(|context| context.object(name));
    if has("elb").is_some() {
        let form = match document.get("multiValueHeaders") {
            Some(_) => HeaderForm::Multi,
            None => HeaderForm::Single,
        };
        return Some(HttpApi::Alb(form));
    }
    if has("http").is_some() {
        return Some(HttpApi::HttpV2);
    }
    document.text_of("httpMethod")?;
    (context.is_some() || document.text_of("path").is_some()).then_some(HttpApi::RestV1)
}

/// Refuses parts that no service sends: read, they take many times their size.
fn check_sizes(document: &Document<'_>) -> Result<(), EventError> {
    for field in [
        "headers",
        "multiValueHeaders",
        "queryStringParameters",
        "multiValueQueryStringParameters",
    ] {
        if document
            .get(field)
            .is_some_and(|raw| raw.get().len() > LARGEST_PART)
        {
            let reason = format!("more than {LARGEST_PART} bytes; send large data in the body");
            return Err(invalid(field, reason));
        }
    }
    Ok(())
}

fn request(document: &Document<'_>, api: HttpApi, scope: Scope<'_>) -> Result<Event, EventError> {
    check_sizes(document)?;
    let body = body(document)?;
    let parameters = parameters(document, api)?;
    let time = time(document);
    let (mut records, skipped) = if let Some(event) = storage_event(&body, scope)? {
        (event.records, event.skipped)
    } else {
        let record = direct::record(&body, document.raw());
        (
            vec![record.map_err(|error| error.within(BODY))?],
            Vec::new(),
        )
    };
    for record in &mut records {
        complete(record, &parameters, time.as_ref());
    }
    Ok(Event {
        source: Source::Http(api),
        records,
        skipped,
        items: Vec::new(),
    })
}

fn complete(record: &mut Record, parameters: &[(String, String)], time: Option<&String>) {
    record.parameters = parameters.to_vec();
    record.event_time = record.event_time.take().or_else(|| time.cloned());
}

/// The storage event that a body is, where the configuration believes it.
fn storage_event(body: &Bytes, scope: Scope<'_>) -> Result<Option<Event>, EventError> {
    if scope.config.http_storage_events == HttpStorageEvents::Ignore {
        return Ok(None);
    }
    let found = detect_known(body, scope.parsers.http_bodies, scope.deeper(BODY)?);
    let found = found.map(|event| event.and_then(indivisible)).transpose();
    found.map_err(|rejected| rejected.error.within(BODY))
}

fn body(document: &Document<'_>) -> Result<Bytes, EventError> {
    let encoded = document.checked_bool("", "isBase64Encoded")?;
    let Some(text) = document.checked_text("", BODY)? else {
        return Ok(Bytes::new());
    };
    if encoded == Some(true) {
        return base64(&text).map(Bytes::from).map_err(|error| {
            invalid(
                BODY,
                format!("not base64, although isBase64Encoded says so: {error}"),
            )
        });
    }
    if is_octet_stream(document)
        && let Some(bytes) = strict_base64(&text)
    {
        return Ok(bytes.into());
    }
    Ok(text.into())
}

/// Whether the content type is `application/octet-stream`, its parameters left aside (RFC 9110, section 8.3.1).
fn is_octet_stream(document: &Document<'_>) -> bool {
    let single = document.get("headers");
    let multi = document.get("multiValueHeaders");
    [single, multi].into_iter().flatten().any(|headers| {
        let headers: BTreeMap<String, Value> =
            serde_json::from_str(headers.get()).unwrap_or_default();
        headers.iter().any(|(name, value)| {
            let value = match value {
                Value::Array(values) => values.last(),
                value => Some(value),
            };
            let media_type = value
                .and_then(Value::as_str)
                .and_then(|value| value.split(';').next())
                .unwrap_or_default();
            name.eq_ignore_ascii_case("content-type")
                && media_type
                    .trim()
                    .eq_ignore_ascii_case("application/octet-stream")
        })
    })
}

/// The query parameters, by name. Several values of one name are joined by `,`, as version 2.0 does itself.
fn parameters(document: &Document<'_>, api: HttpApi) -> Result<Vec<(String, String)>, EventError> {
    const MULTI: &str = "multiValueQueryStringParameters";
    const SINGLE: &str = "queryStringParameters";
    let decoded = |text: &str| match api {
        // A load balancer passes them on as they are in the URL.
        HttpApi::Alb(_) => String::from_utf8(form_decode(text)).unwrap_or_else(|_| text.to_owned()),
        HttpApi::RestV1 | HttpApi::HttpV2 => text.to_owned(),
    };
    let (field, raw) = match (document.get(MULTI), document.get(SINGLE)) {
        (Some(raw), _) => (MULTI, raw),
        (None, Some(raw)) => (SINGLE, raw),
        (None, None) => return Ok(Vec::new()),
    };
    let found: BTreeMap<String, Value> = serde_json::from_str(raw.get())
        .map_err(|_| invalid(field, "expected an object of texts"))?;
    found
        .iter()
        .map(|(name, value)| {
            let wrong = || {
                invalid(
                    format!("{field}.{name}"),
                    "expected text or a list of texts",
                )
            };
            let value = match value {
                Value::Null => String::new(),
                Value::String(text) => decoded(text),
                Value::Array(values) => values
                    .iter()
                    .map(|value| value.as_str().map(&decoded).ok_or_else(wrong))
                    .collect::<Result<Vec<_>, _>>()?
                    .join(","),
                _ => return Err(wrong()),
            };
            Ok((decoded(name), value))
        })
        .collect()
}

/// When the request arrived, in the API's own words; a load balancer does not tell.
fn time(document: &Document<'_>) -> Option<String> {
    let context = document.object("requestContext")?;
    let time = context
        .text_of("requestTime")
        .or_else(|| context.text_of("time"));
    time.filter(|time| !time.contains('\0'))
}
