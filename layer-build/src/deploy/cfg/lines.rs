//! On which line of a JSON text each key is.

use std::collections::BTreeMap;

use jsonc_parser::ast::Value;
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

/// The keys of a JSON text by their paths (`aws.lambda.memory`), in the order of the text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    lines: BTreeMap<String, usize>,
    order: Vec<String>,
}

impl Lines {
    /// Finds every key of `text`. A text that is not JSON has none.
    pub fn of(text: &str) -> Self {
        let mut found = Self::default();
        let parsed = parse_to_ast(text, &CollectOptions::default(), &ParseOptions::default());
        if let Some(value) = parsed.ok().and_then(|parsed| parsed.value) {
            found.add(text, "", &value);
        }
        found
    }

    fn add(&mut self, text: &str, path: &str, value: &Value<'_>) {
        match value {
            Value::Object(object) => {
                for property in &object.properties {
                    let key = property.name.as_str();
                    let inner = match path {
                        "" => key.to_owned(),
                        path => format!("{path}.{key}"),
                    };
                    let before = text.get(..property.start()).unwrap_or_default();
                    self.lines
                        .insert(inner.clone(), before.matches('\n').count() + 1);
                    self.order.push(inner.clone());
                    self.add(text, &inner, &property.value);
                }
            }
            Value::Array(array) => {
                for (index, element) in array.elements.iter().enumerate() {
                    self.add(text, &format!("{path}[{index}]"), element);
                }
            }
            Value::StringLit(_)
            | Value::NumberLit(_)
            | Value::BooleanLit(_)
            | Value::NullKeyword(_) => {}
        }
    }

    /// The line of a key, or of the nearest key above it that exists.
    pub fn line(&self, path: &str) -> Option<usize> {
        let mut path = path;
        loop {
            if let Some(line) = self.lines.get(path) {
                return Some(*line);
            }
            path = path.rsplit_once('.')?.0;
        }
    }

    /// Whether the key itself exists.
    pub fn has(&self, path: &str) -> bool {
        self.lines.contains_key(path)
    }

    /// All keys, in the order of the text.
    pub fn keys(&self) -> &[String] {
        &self.order
    }

    /// The position of a key among all others.
    pub fn position(&self, path: &str) -> Option<usize> {
        self.order.iter().position(|known| known == path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_other_alphabets_do_not_shift_lines() {
        let text = "{\"\\u00e4\": \"\u{00df}\\n\",\r\n\t\"tab\\/b\": 1e5,\n\"\u{1f600}\": [\n{\"c\": \"\\ud83d\\ude00\"}]}";
        let lines = Lines::of(text);
        assert_eq!(
            lines.keys(),
            ["\u{e4}", "tab/b", "\u{1f600}", "\u{1f600}[0].c"]
        );
        assert_eq!(lines.line("tab/b"), Some(2));
        assert_eq!(lines.line("\u{1f600}[0].c"), Some(4));
        assert_eq!(Lines::of("{").keys(), [""; 0]);
    }
}
