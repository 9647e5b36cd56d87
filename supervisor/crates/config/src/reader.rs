//! A value of the configuration together with the path that leads to it, so that every check can name its key.

use std::time::Duration;

use serde_json::{Map, Value};

use super::choices::Choice;
use super::error::ConfigError;

/// Longest piece of a value that a message repeats, in characters.
const SHOWN: usize = 80;

/// Longest time a configuration may ask for: a year. Far above any platform's limit and far below overflow.
const MAX_SECONDS: f64 = 365.0 * 24.0 * 3600.0;

/// What a time in seconds must look like.
pub(crate) const EXPECTED_SECONDS: &str = "a number of seconds from 0 to 31536000";

/// Whether messages may repeat a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disclosure {
    /// The value itself, shortened.
    Show,
    /// Only its type: it may be a secret.
    Hide,
}

/// One value and its path. `null` is absence: [`Node::get`] does not return it.
#[derive(Debug, Clone)]
pub(crate) struct Node<'a> {
    path: String,
    value: &'a Value,
    disclosure: Disclosure,
}

impl<'a> Node<'a> {
    /// The whole document, with the empty path.
    pub(crate) fn root(value: &'a Value) -> Self {
        Self {
            path: String::new(),
            value,
            disclosure: Disclosure::Show,
        }
    }

    /// The same value, of which no message repeats anything.
    pub(crate) fn hidden(mut self) -> Self {
        self.disclosure = Disclosure::Hide;
        self
    }

    /// The same value, which is known not to be a secret.
    pub(crate) fn shown_again(mut self) -> Self {
        self.disclosure = Disclosure::Show;
        self
    }

    /// Full path, such as `output[1].prefix`.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The value itself.
    pub(crate) fn value(&self) -> &'a Value {
        self.value
    }

    /// Full path of a key below this one.
    pub(crate) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// The value of `key`, unless absent or `null`.
    pub(crate) fn get(&self, key: &str) -> Result<Option<Node<'a>>, ConfigError> {
        Ok(self
            .map()?
            .get(key)
            .filter(|value| !value.is_null())
            .map(|value| self.child(key, value)))
    }

    /// The value of `key`, which must be there.
    pub(crate) fn require(&self, key: &str, expected: &str) -> Result<Node<'a>, ConfigError> {
        self.get(key)?.ok_or_else(|| ConfigError::Missing {
            key: self.path_of(key),
            expected: expected.to_owned(),
        })
    }

    /// Every key with a value other than `null`, in the order of the keys.
    pub(crate) fn entries(&self) -> Result<Vec<(&'a str, Node<'a>)>, ConfigError> {
        let present = self.map()?.iter().filter(|(_, value)| !value.is_null());
        Ok(present
            .map(|(key, value)| (key.as_str(), self.child(key, value)))
            .collect())
    }

    /// Every element of a list.
    pub(crate) fn items(&self) -> Result<Vec<Node<'a>>, ConfigError> {
        let Value::Array(items) = self.value else {
            return Err(self.invalid("a list"));
        };
        let item = |(index, value)| Node {
            path: format!("{}[{index}]", self.path),
            value,
            disclosure: self.disclosure,
        };
        Ok(items.iter().enumerate().map(item).collect())
    }

    /// Text; a number or boolean is refused, because its spelling is no longer known.
    pub(crate) fn text(&self) -> Result<&'a str, ConfigError> {
        match self.value {
            Value::String(text) if text.contains('\0') => Err(self.invalid("text without NUL")),
            Value::String(text) => Ok(text),
            Value::Number(_) | Value::Bool(_) => {
                Err(self.invalid("text (put the value in quotes)"))
            }
            _ => Err(self.invalid("text")),
        }
    }

    /// Text, where an empty one counts as absent.
    pub(crate) fn optional_text(&self, key: &str) -> Result<Option<String>, ConfigError> {
        let Some(node) = self.get(key)? else {
            return Ok(None);
        };
        Ok(Some(node.text()?)
            .filter(|text| !text.is_empty())
            .map(str::to_owned))
    }

    /// Yes or no, in any of YAML 1.1's spellings, with or without quotes.
    pub(crate) fn boolean(&self) -> Result<bool, ConfigError> {
        let spelled = match self.value {
            Value::Bool(yes) => return Ok(*yes),
            Value::String(text) => text.to_ascii_lowercase(),
            _ => String::new(),
        };
        match spelled.as_str() {
            "true" | "yes" | "on" | "y" => Ok(true),
            "false" | "no" | "off" | "n" => Ok(false),
            _ => Err(self.invalid("true or false")),
        }
    }

    /// A time in seconds, whole or not.
    pub(crate) fn seconds(&self) -> Result<Duration, ConfigError> {
        let number = self.value.as_f64();
        number
            .and_then(seconds)
            .ok_or_else(|| self.invalid(EXPECTED_SECONDS))
    }

    /// A whole number that is at least `least`.
    pub(crate) fn count(&self, least: u32) -> Result<u32, ConfigError> {
        let number = self
            .value
            .as_u64()
            .and_then(|number| u32::try_from(number).ok());
        number
            .filter(|number| *number >= least)
            .ok_or_else(|| self.invalid(&format!("a whole number, at least {least}")))
    }

    /// A member of a closed set.
    pub(crate) fn choice<T: Choice>(&self) -> Result<T, ConfigError> {
        let member = self.value.as_str().and_then(|text| text.parse().ok());
        member.ok_or_else(|| self.invalid(T::EXPECTED))
    }

    /// A member of a closed set below this key, or the set's default.
    pub(crate) fn choice_or_default<T: Choice + Default>(
        &self,
        key: &str,
    ) -> Result<T, ConfigError> {
        self.get(key)?
            .map_or_else(|| Ok(T::default()), |node| node.choice())
    }

    /// Says at debug level which keys mean nothing here.
    pub(crate) fn note_unknown(&self, known: &[&str]) {
        let Value::Object(map) = self.value else {
            return;
        };
        for key in map.keys().filter(|key| !known.contains(&key.as_str())) {
            tracing::debug!(
                key = self.path_of(key),
                "unknown configuration key, ignored"
            );
        }
    }

    /// The error for this value.
    pub(crate) fn invalid(&self, expected: &str) -> ConfigError {
        ConfigError::Invalid {
            key: if self.path.is_empty() {
                "(the whole file)".to_owned()
            } else {
                self.path.clone()
            },
            value: self.shown(),
            expected: expected.to_owned(),
        }
    }

    /// A value below this one, whatever it is.
    pub(crate) fn entry(&self, key: &str, value: &'a Value) -> Node<'a> {
        self.child(key, value)
    }

    fn child(&self, key: &str, value: &'a Value) -> Node<'a> {
        Node {
            path: self.path_of(key),
            value,
            disclosure: self.disclosure,
        }
    }

    fn map(&self) -> Result<&'a Map<String, Value>, ConfigError> {
        match self.value {
            Value::Object(map) => Ok(map),
            _ => Err(self.invalid("keys with values")),
        }
    }

    fn shown(&self) -> String {
        match (self.value, self.disclosure) {
            (Value::Object(_), _) => "keys with values".to_owned(),
            (Value::Array(_), _) => "a list".to_owned(),
            (Value::String(_), Disclosure::Hide) => "text (not shown)".to_owned(),
            (_, Disclosure::Hide) => "a number or boolean (not shown)".to_owned(),
            (Value::String(text), Disclosure::Show) => format!("{:?}", shorten(text)),
            (value, Disclosure::Show) => shorten(&value.to_string()),
        }
    }
}

/// Seconds as a duration, when within the limits.
pub(crate) fn seconds(number: f64) -> Option<Duration> {
    let in_range = (0.0..=MAX_SECONDS).contains(&number);
    in_range
        .then(|| Duration::try_from_secs_f64(number).ok())
        .flatten()
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
