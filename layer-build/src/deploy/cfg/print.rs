//! Prints a configuration with its keys in the order of the default file. Further keys follow in alphabetical order.

use serde_json::Value;

use super::default::DEFAULT;
use super::lines::Lines;

/// Prints with the default file's indentation.
pub fn pretty(value: &Value) -> String {
    let mut text = String::new();
    print(value, "", 0, &Lines::of(DEFAULT), &mut text);
    text.push('\n');
    text
}

fn print(value: &Value, path: &str, depth: usize, order: &Lines, text: &mut String) {
    let parts: Vec<(String, String, &Value)> = match value {
        Value::Object(map) => {
            let path_of = |key: &str| match path {
                "" => key.to_owned(),
                path => format!("{path}.{key}"),
            };
            let mut parts: Vec<_> = map
                .iter()
                .map(|(key, value)| {
                    let label = format!("{}: ", Value::from(key.as_str()));
                    (label, path_of(key), value)
                })
                .collect();
            parts.sort_by_key(|(_, path, _)| order.position(path).unwrap_or(usize::MAX));
            parts
        }
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items
                .map(|(index, value)| (String::new(), format!("{path}[{index}]"), value))
                .collect()
        }
        single => {
            text.push_str(&single.to_string());
            return;
        }
    };
    let (open, close) = if value.is_array() {
        ('[', ']')
    } else {
        ('{', '}')
    };
    text.push(open);
    for (index, (label, path, value)) in parts.iter().enumerate() {
        text.push_str(if index == 0 { "\n" } else { ",\n" });
        text.push_str(&"  ".repeat(depth + 1));
        text.push_str(label);
        print(value, path, depth + 1, order, text);
    }
    if !parts.is_empty() {
        text.push('\n');
        text.push_str(&"  ".repeat(depth));
    }
    text.push(close);
}
