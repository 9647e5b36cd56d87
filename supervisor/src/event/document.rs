//! A JSON object whose fields are looked at one by one: a part that is of no interest cannot fail to parse, and a part
//! that is can be named in an error. Whole-event types (of `aws_lambda_events`, say) do neither: one odd header or
//! date in them makes an event unreadable without saying where.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, value::RawValue};

use super::{
    error::{EventError, invalid, join, missing},
    text::SharedText,
};

/// A JSON object.
pub(super) struct Document<'a> {
    /// The bytes that the text is a part of.
    payload: &'a Bytes,
    /// The text it was read from.
    text: &'a str,
    /// Its fields, each as text.
    fields: BTreeMap<String, &'a RawValue>,
}

impl<'a> Document<'a> {
    /// `None` for anything but an object.
    pub(super) fn read(payload: &'a Bytes) -> Option<Self> {
        Self::part(payload, std::str::from_utf8(payload).ok()?)
    }

    /// A value inside this object; `None` for anything but an object.
    pub(super) fn inner(&self, value: &'a RawValue) -> Option<Self> {
        Self::part(self.payload, value.get())
    }

    fn part(payload: &'a Bytes, text: &'a str) -> Option<Self> {
        let fields = serde_json::from_str(text).ok()?;
        Some(Self {
            payload,
            text,
            fields,
        })
    }

    /// The text it was read from, shared with the payload.
    pub(super) fn raw(&self) -> SharedText {
        SharedText::part(self.payload, self.text)
    }

    /// The text of a value inside this object, shared with the payload.
    pub(super) fn raw_of(&self, value: &'a RawValue) -> SharedText {
        SharedText::part(self.payload, value.get())
    }

    /// Whether there are no fields at all.
    pub(super) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// A field; `null` counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.fields
            .get(name)
            .copied()
            .filter(|raw| raw.get() != "null")
    }

    /// A field that is text; of any other type it counts as absent.
    pub(super) fn text_of(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }

    /// A field that is an object; of any other type it counts as absent.
    pub(super) fn object(&self, name: &str) -> Option<Document<'a>> {
        self.inner(self.get(name)?)
    }

    /// A field that is a list; of any other type it counts as absent.
    pub(super) fn list(&self, name: &str) -> Option<Vec<&'a RawValue>> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }

    /// A field that must be text if it is there; `path` leads to this object.
    pub(super) fn checked_text(
        &self,
        path: &str,
        name: &str,
    ) -> Result<Option<String>, EventError> {
        self.checked(path, name, "expected text")
    }

    /// A field that must be text.
    pub(super) fn required_text(&self, path: &str, name: &str) -> Result<String, EventError> {
        self.checked_text(path, name)?
            .ok_or_else(|| missing(path, name))
    }

    /// A field that must be text without NUL if it is there: it becomes a variable of the container.
    pub(super) fn plain_text(&self, path: &str, name: &str) -> Result<Option<String>, EventError> {
        let text = self.checked_text(path, name)?;
        match text {
            Some(text) if text.contains('\0') => Err(invalid(join(path, name), "holds a NUL")),
            text => Ok(text),
        }
    }

    /// A field that must be `true` or `false` if it is there.
    pub(super) fn checked_bool(&self, path: &str, name: &str) -> Result<Option<bool>, EventError> {
        self.checked(path, name, "expected true or false")
    }

    fn checked<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        name: &str,
        expected: &str,
    ) -> Result<Option<T>, EventError> {
        let read = |raw: &RawValue| serde_json::from_str(raw.get());
        self.get(name)
            .map(read)
            .transpose()
            .map_err(|_| invalid(join(path, name), expected))
    }

    /// This object as text with another `name`, for an event of one of several parts.
    pub(super) fn with(&self, name: &str, value: &str) -> String {
        let fields = self.fields.iter().map(|(field, raw)| {
            let value = if field == name { value } else { raw.get() };
            format!("{}:{value}", Value::from(field.as_str()))
        });
        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
    }
}

/// The sources that records name, in the field that some spell otherwise.
const RECORD_SOURCES: &[&str] = &["aws:s3", "minio:s3", "OneTrigger", "aws:sqs", "aws:sns"];

/// Which source a list of records is from, if it is one of `wanted`: the first record that names a known source decides,
/// so that one wrong record does not change what the others are.
pub(super) fn marked<'v>(
    records: &[&RawValue],
    field: &str,
    wanted: &[&'v str],
) -> Option<&'v str> {
    let first = records.iter().find_map(|record| {
        let found = text_in(record, field)?;
        RECORD_SOURCES.contains(&&*found).then_some(found)
    })?;
    wanted.iter().find(|source| **source == first).copied()
}

/// A field of an object that is text.
fn text_in(object: &RawValue, field: &str) -> Option<String> {
    let fields: BTreeMap<String, &RawValue> = serde_json::from_str(object.get()).ok()?;
    serde_json::from_str(fields.get(field)?.get()).ok()
}

/// A field of a parsed value that is text if it is there.
pub(super) fn string<'v>(
    value: &'v Value,
    path: &str,
    field: &str,
) -> Result<Option<&'v str>, EventError> {
    match value.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.contains('\0') => {
            Err(invalid(join(path, field), "holds a NUL"))
        }
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(invalid(join(path, field), "expected text")),
    }
}
