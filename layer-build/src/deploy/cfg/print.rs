//! A configuration as text, with its keys in the order of the default file; others follow in the order of the alphabet.

use serde_json::Value;

use super::{DEFAULT, Lines};

/// Prints with the default file's indentation.
pub fn pretty(value: &Value) -> String {
    let mut text = String::new();
    print(value, "", 0, &Lines::of(DEFAULT), &mut text);
    text.push('\n');
    text
}

fn print(value: &Value, path: &str, depth: usize, order: &Lines, text: &mut String) {
    let Value::Object(map) = value else {
        // Lists are printed by the library; the lines after their first one belong further in.
        let plain = serde_json::to_string_pretty(value).unwrap_or_default();
        text.push_str(&plain.replace('\n', &format!("\n{}", "  ".repeat(depth))));
        return;
    };
    if map.is_empty() {
        text.push_str("{}");
        return;
    }
    let path_of = |key: &str| {
        if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}.{key}")
        }
    };
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by_key(|(key, _)| order.position(&path_of(key)).unwrap_or(usize::MAX));
    for (index, (key, value)) in entries.into_iter().enumerate() {
        text.push_str(if index == 0 { "{\n" } else { ",\n" });
        text.push_str(&"  ".repeat(depth + 1));
        text.push_str(&Value::from(key.as_str()).to_string());
        text.push_str(": ");
        print(value, &path_of(key), depth + 1, order, text);
    }
    text.push('\n');
    text.push_str(&"  ".repeat(depth));
    text.push('}');
}
