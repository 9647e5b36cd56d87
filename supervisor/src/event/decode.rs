//! Decodes form-encoded keys and base64.

use std::borrow::Cow;

use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{DecodeError, Engine as _, alphabet};
use percent_encoding::percent_decode;

use config::location::Key;

/// Standard alphabet. Padding may be left out.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Decodes `application/x-www-form-urlencoded` text: `+` is a space, `%41` is `A` (S3 user guide, "Event message
/// structure": the key is URL encoded). A `%` that begins no escape stands for itself. The result may be any bytes.
pub fn form_decode(text: &str) -> Vec<u8> {
    // A literal plus arrives as %2B, so the replacement must come before the escapes are decoded.
    let spaced = if text.contains('+') {
        Cow::Owned(text.replace('+', " "))
    } else {
        Cow::Borrowed(text)
    };
    percent_decode(spaced.as_bytes()).collect()
}

/// A form-encoded key.
pub(super) fn decode_key(encoded: &str) -> Result<Key, String> {
    let decoded = String::from_utf8(form_decode(encoded))
        .map_err(|_| format!("{encoded:?} is not UTF-8 after form decoding"))?;
    Key::new(decoded).map_err(|error| error.to_string())
}

/// Decodes text that is declared as base64. Ignores white space, as encoders wrap lines.
pub(super) fn base64(text: &str) -> Result<Vec<u8>, DecodeError> {
    let encoded: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    LENIENT.decode(encoded)
}

/// Decodes what may be base64: only the exact form counts, padding included. White space around it is ignored, as
/// clients put a line break at the end.
pub(super) fn strict_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text.trim_ascii()).ok()
}
