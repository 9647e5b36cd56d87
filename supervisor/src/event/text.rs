//! Text that shares its bytes with the event it came in: an event of 6 MB is held once, however many parts of the
//! pipeline keep it.

use std::{borrow::Cow, fmt};

use bytes::Bytes;

/// Text that shares its bytes. A clone costs no memory.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct SharedText(
    /// Always UTF-8.
    Bytes,
);

impl SharedText {
    /// The payload as text, shared with it. Bytes that are not UTF-8 are replaced, in a copy.
    pub fn lossy(payload: &Bytes) -> Self {
        match String::from_utf8_lossy(payload) {
            Cow::Borrowed(_) => Self(payload.clone()),
            Cow::Owned(text) => text.into(),
        }
    }

    /// `part` of the payload, shared with it.
    pub(super) fn part(payload: &Bytes, part: &str) -> Self {
        Self(payload.slice_ref(part.as_bytes()))
    }

    /// The text. Checks all of it for UTF-8.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its bytes, shared with it.
    pub fn bytes(&self) -> Bytes {
        self.0.clone()
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for SharedText {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&str> for SharedText {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl<T: AsRef<str>> PartialEq<T> for SharedText {
    fn eq(&self, other: &T) -> bool {
        self.as_bytes() == other.as_ref().as_bytes()
    }
}

impl fmt::Display for SharedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SharedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_shares_the_bytes_of_its_payload_unless_some_are_replaced() {
        let payload = Bytes::from_static(b"{\"a\": 1}");
        let text = SharedText::lossy(&payload);
        assert_eq!(text.as_bytes().as_ptr(), payload.as_ptr());
        let inner = text.as_str().get(1..4).unwrap();
        assert_eq!(SharedText::part(&payload, inner), "\"a\"");
        let replaced = SharedText::lossy(&Bytes::from_static(b"a\xff"));
        assert_eq!(replaced, "a\u{fffd}");
    }
}
