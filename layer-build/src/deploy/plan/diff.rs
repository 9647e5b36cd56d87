//! Compares two states key by key.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

/// One key that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The key: `environment.LOG_LEVEL`.
    pub key: String,
    /// Its present value.
    pub before: Option<String>,
    /// Its value after the change.
    pub after: Option<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "(none)".to_owned());
        write!(
            f,
            "{}: {} -> {}",
            self.key,
            shown(&self.before),
            shown(&self.after)
        )
    }
}

/// Every key that differs. Maps are compared key by key, lists as a whole. An empty value, `null` and an absent key are equal.
pub fn diff(before: &Value, after: &Value) -> Vec<Change> {
    let (before, after) = (flat(before), flat(after));
    let mut keys: Vec<_> = before.keys().chain(after.keys()).collect();
    keys.sort();
    keys.dedup();
    let differing = keys
        .into_iter()
        .filter(|key| before.get(*key) != after.get(*key));
    differing
        .map(|key| Change {
            key: key.clone(),
            before: before.get(key).cloned(),
            after: after.get(key).cloned(),
        })
        .collect()
}

fn flat(value: &Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    walk(value, String::new(), &mut found);
    found
}

fn walk(value: &Value, path: String, found: &mut BTreeMap<String, String>) {
    match value {
        Value::Null => {}
        Value::Object(map) => {
            for (key, value) in map {
                let inner = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                walk(value, inner, found);
            }
        }
        Value::Array(list) if list.is_empty() => {}
        Value::String(text) if text.is_empty() => {}
        Value::String(text) => drop(found.insert(path, text.clone())),
        other => drop(found.insert(path, other.to_string())),
    }
}
