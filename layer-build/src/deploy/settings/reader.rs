//! Typed access to the merged configuration. Every error names the key and where its value was set.

use std::collections::BTreeMap;

use serde_json::Value;

use super::error::SettingsError;
use super::sources::Sources;

/// Retention times that `CloudWatch` Logs accepts, in days (API reference, `PutRetentionPolicy`).
const RETENTION_DAYS: [i64; 23] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653, 0,
];

pub(super) struct Reader<'a> {
    merged: &'a Value,
    sources: &'a Sources,
}

impl<'a> Reader<'a> {
    pub(super) fn new(merged: &'a Value, sources: &'a Sources) -> Self {
        Self { merged, sources }
    }

    /// The value of a key, unless absent or `null`.
    pub(super) fn value(&self, key: &str) -> Option<&'a Value> {
        let found = self.merged.pointer(&format!("/{}", key.replace('.', "/")));
        found.filter(|value| !value.is_null())
    }

    pub(super) fn invalid(&self, key: &str, expected: &str) -> SettingsError {
        SettingsError::Invalid {
            origin: self.sources.origin(key),
            key: key.to_owned(),
            value: self
                .value(key)
                .map_or_else(|| "missing".to_owned(), Value::to_string),
            expected: expected.to_owned(),
        }
    }

    pub(super) fn missing(&self, key: &str, remedy: &str) -> SettingsError {
        SettingsError::Missing {
            key: key.to_owned(),
            remedy: remedy.to_owned(),
            origin: self.sources.origin(key),
        }
    }

    /// A text, unless absent or empty.
    pub(super) fn text(&self, key: &str) -> Result<Option<String>, SettingsError> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            // YAML reads a name of digits as a number.
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(self.invalid(key, "text")),
        }
    }

    /// A whole number within limits, which may be written as text.
    pub(super) fn number(
        &self,
        key: &str,
        range: std::ops::RangeInclusive<i64>,
    ) -> Result<Option<i64>, SettingsError> {
        let Some(value) = self.value(key) else {
            return Ok(None);
        };
        let number = match value {
            Value::String(text) => text.trim().parse().ok(),
            other => other.as_i64(),
        };
        let expected = || format!("a whole number from {} to {}", range.start(), range.end());
        let number = number.filter(|number| range.contains(number));
        number
            .map(Some)
            .ok_or_else(|| self.invalid(key, &expected()))
    }

    /// As [`Reader::number`], for numbers that the SDK takes as 32 bits.
    pub(super) fn count(
        &self,
        key: &str,
        range: std::ops::RangeInclusive<i32>,
        default: i32,
    ) -> Result<i32, SettingsError> {
        let range = i64::from(*range.start())..=i64::from(*range.end());
        let number = self.number(key, range)?;
        Ok(number
            .and_then(|number| i32::try_from(number).ok())
            .unwrap_or(default))
    }

    pub(super) fn size(&self, key: &str, default: u64) -> Result<u64, SettingsError> {
        let number = self.number(key, 1..=i64::MAX)?;
        Ok(number.map_or(default, i64::unsigned_abs))
    }

    pub(super) fn retention(&self, key: &str) -> Result<i32, SettingsError> {
        let days = self.number(key, 0..=3653)?.unwrap_or(30);
        if !RETENTION_DAYS.contains(&days) {
            return Err(self.invalid(key, "one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, \
                2557, 2922, 3288, 3653, or 0 to keep logs for ever"));
        }
        Ok(i32::try_from(days).unwrap_or(0))
    }

    pub(super) fn flag(&self, key: &str) -> Result<bool, SettingsError> {
        match self.value(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.invalid(key, "true or false")),
        }
    }

    /// One of a set of spellings, in any case. Without a value it is the first.
    pub(super) fn choice<T: Clone>(
        &self,
        key: &str,
        choices: &[(&str, T)],
    ) -> Result<T, SettingsError> {
        let text = self.text(key)?;
        let chosen = match &text {
            None => choices.first(),
            Some(text) => choices
                .iter()
                .find(|(spelling, _)| spelling.eq_ignore_ascii_case(text)),
        };
        chosen.map(|(_, choice)| choice.clone()).ok_or_else(|| {
            let spellings: Vec<_> = choices.iter().map(|(spelling, _)| *spelling).collect();
            self.invalid(key, &format!("one of {}", spellings.join(", ")))
        })
    }

    /// A list of texts. A single text counts as a list of one.
    pub(super) fn list(&self, key: &str) -> Result<Vec<String>, SettingsError> {
        let text = |value: &Value| {
            value
                .as_str()
                .map(str::to_owned)
                .ok_or_else(|| self.invalid(key, "a list of texts"))
        };
        match self.value(key) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items.iter().map(text).collect(),
            Some(value) => Ok(vec![text(value)?]),
        }
    }

    /// A map of texts, with numbers and booleans as they are written.
    pub(super) fn texts(&self, key: &str) -> Result<BTreeMap<String, String>, SettingsError> {
        let Some(value) = self.value(key) else {
            return Ok(BTreeMap::new());
        };
        let map = value
            .as_object()
            .ok_or_else(|| self.invalid(key, "keys with values"))?;
        let text = |(name, value): (&String, &Value)| match value {
            Value::String(text) => Ok((name.clone(), text.clone())),
            Value::Number(_) | Value::Bool(_) => Ok((name.clone(), value.to_string())),
            Value::Null => Ok((name.clone(), String::new())),
            _ => Err(self.invalid(key, "keys with single values")),
        };
        map.iter().map(text).collect()
    }
}
