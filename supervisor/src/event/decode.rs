//! Form decoding of object keys, as storage notifications write them.

use std::borrow::Cow;

use percent_encoding::percent_decode;

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
