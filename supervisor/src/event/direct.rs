//! Direct payloads: whatever is no notification. The payload is the input file, byte for byte; a JSON object may
//! also bring a `script` (base64) or `cmd_args` (a list, or a JSON-encoded string of one).

use bytes::Bytes;
use serde_json::value::RawValue;

use super::decode::base64;
use super::document::Document;
use super::error::{EventError, Rejected, invalid};
use super::record::{Event, Input, PAYLOAD_FILE_NAME, Record};
use super::source::Source;
use super::text::SharedText;

const SCRIPT: &str = "script";
const CMD_ARGS: &str = "cmd_args";

/// Takes any bytes.
pub(super) fn parse(payload: &Bytes) -> Result<Event, Rejected> {
    let record = record(payload, SharedText::lossy(payload)).map_err(|error| Rejected {
        source: Source::Direct,
        error,
    })?;
    Ok(Event {
        records: vec![record],
        ..Event::empty(Source::Direct)
    })
}

/// The record of a payload that came with the event `raw`.
pub(super) fn record(payload: &Bytes, raw: SharedText) -> Result<Record, EventError> {
    let document = Document::read(payload);
    let field = |name| document.as_ref().and_then(|document| document.get(name));
    Ok(Record {
        input: input(payload, document.as_ref()),
        event_time: None,
        raw,
        script: field(SCRIPT).map(script).transpose()?,
        cmd_args: field(CMD_ARGS)
            .map(arguments)
            .transpose()?
            .filter(|list| !list.is_empty()),
        parameters: Vec::new(),
        item: None,
    })
}

/// The payload as a file, unless it says nothing: no bytes, white space, `null` or `{}`.
fn input(payload: &Bytes, document: Option<&Document<'_>>) -> Input {
    let says_nothing =
        matches!(payload.trim_ascii(), b"" | b"null") || document.is_some_and(Document::is_empty);
    if says_nothing {
        return Input::None;
    }
    Input::Payload {
        bytes: payload.clone(),
        name: PAYLOAD_FILE_NAME.to_owned(),
    }
}

fn script(raw: &RawValue) -> Result<Bytes, EventError> {
    let text: String = serde_json::from_str(raw.get())
        .map_err(|_| invalid(SCRIPT, "expected the script's text, encoded as base64"))?;
    let script = base64(&text).map_err(|error| invalid(SCRIPT, format!("not base64: {error}")))?;
    if script.trim_ascii().is_empty() {
        return Err(invalid(SCRIPT, "the script is empty"));
    }
    Ok(script.into())
}

fn arguments(raw: &RawValue) -> Result<Vec<String>, EventError> {
    const EXPECTED: &str =
        "expected a list of texts and numbers, or a string that is such a list in JSON";
    let inner: Option<String> = serde_json::from_str(raw.get()).ok();
    let list = inner.as_deref().unwrap_or(raw.get());
    let list: Vec<&RawValue> =
        serde_json::from_str(list).map_err(|_| invalid(CMD_ARGS, EXPECTED))?;
    list.iter()
        .enumerate()
        .map(|(index, item)| argument(index, item))
        .collect()
}

/// Text, or a number exactly as it is written.
fn argument(index: usize, raw: &RawValue) -> Result<String, EventError> {
    let field = || format!("{CMD_ARGS}[{index}]");
    let text = match raw.get().as_bytes() {
        [b'"', ..] => {
            serde_json::from_str(raw.get()).map_err(|error| invalid(field(), error.to_string()))?
        }
        [b'-' | b'0'..=b'9', ..] => raw.get().to_owned(),
        _ => return Err(invalid(field(), "expected text or a number")),
    };
    if text.contains('\0') {
        return Err(invalid(
            field(),
            "holds a NUL, which no program can be given",
        ));
    }
    Ok(text)
}
