//! Direct invocations: whatever is no notification. The payload is the input file, byte for byte; a JSON object may
//! also bring a `script` (base64) or `cmd_args` (a list, or a JSON-encoded string of one).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::value::RawValue;

use super::{Event, EventError, Input, PAYLOAD_FILE_NAME, Record, Source};

/// Standard alphabet; encoders that leave the padding out are understood.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

const SCRIPT: &str = "script";
const CMD_ARGS: &str = "cmd_args";

/// The fields of a JSON object, each as text: a part that is of no interest cannot fail to parse.
type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// Takes any bytes.
pub(super) fn parse(payload: &[u8]) -> Result<Event, EventError> {
    let fields: Option<Fields<'_>> = serde_json::from_slice(payload).ok();
    let field = |name| {
        fields
            .as_ref()
            .and_then(|fields| fields.get(name))
            .filter(|raw| raw.get() != "null")
    };
    let record = Record {
        input: input(payload, fields.as_ref()),
        event_time: None,
        raw: String::from_utf8_lossy(payload).into_owned(),
        script: field(SCRIPT).map(|raw| script(raw)).transpose()?,
        cmd_args: field(CMD_ARGS)
            .map(|raw| arguments(raw))
            .transpose()?
            .filter(|list| !list.is_empty()),
    };
    Ok(Event {
        source: Source::Direct,
        records: vec![record],
        skipped: Vec::new(),
    })
}

/// The payload as a file, unless it says nothing: no bytes, white space, `null` or `{}`.
fn input(payload: &[u8], fields: Option<&Fields<'_>>) -> Input {
    let says_nothing =
        matches!(payload.trim_ascii(), b"" | b"null") || fields.is_some_and(BTreeMap::is_empty);
    if says_nothing {
        return Input::None;
    }
    Input::Payload {
        bytes: payload.to_vec(),
        name: PAYLOAD_FILE_NAME.to_owned(),
    }
}

fn script(raw: &RawValue) -> Result<Vec<u8>, EventError> {
    let text: String = serde_json::from_str(raw.get()).map_err(|_| {
        invalid(
            SCRIPT.to_owned(),
            "expected the script's text, encoded as base64",
        )
    })?;
    // Encoders wrap lines; white space carries nothing.
    let encoded: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let script = BASE64
        .decode(encoded)
        .map_err(|error| invalid(SCRIPT.to_owned(), &format!("not base64: {error}")))?;
    if script.trim_ascii().is_empty() {
        return Err(invalid(SCRIPT.to_owned(), "the script is empty"));
    }
    Ok(script)
}

fn arguments(raw: &RawValue) -> Result<Vec<String>, EventError> {
    const EXPECTED: &str =
        "expected a list of texts and numbers, or a string that is such a list in JSON";
    let wrong = || invalid(CMD_ARGS.to_owned(), EXPECTED);
    let inner: Option<String> = serde_json::from_str(raw.get()).ok();
    let list = inner.as_deref().unwrap_or(raw.get());
    let list: Vec<&RawValue> = serde_json::from_str(list).map_err(|_| wrong())?;
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
            serde_json::from_str(raw.get()).map_err(|error| invalid(field(), &error.to_string()))?
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

fn invalid(field: String, reason: &str) -> EventError {
    EventError::Invalid {
        field,
        reason: reason.to_owned(),
    }
}
