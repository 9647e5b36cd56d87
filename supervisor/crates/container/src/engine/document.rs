//! What a container's `container.json` says: the image's configuration, as udocker keeps it (OCI image specification, "Image
//! Configuration", or Docker's older form).

use std::{fs, path::Path};

use serde_json::Value;

use super::command::ImageCommand;

/// The document; null where there is none.
pub fn document(container: &Path) -> Value {
    fs::read(container.join("container.json"))
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

/// Reads what the image runs from the container's `container.json`.
pub fn image_command(container: &Path) -> ImageCommand {
    let config = document(container);
    ImageCommand {
        entrypoint: words(&config, "Entrypoint"),
        cmd: words(&config, "Cmd"),
        working_directory: working_directory(&config),
    }
}

/// Without `..`: the path is looked up below the container's root.
fn working_directory(config: &Value) -> Option<String> {
    let path = config["config"]["WorkingDir"].as_str()?;
    let safe = !path.is_empty() && path.split('/').all(|part| part != "..");
    safe.then(|| path.to_owned())
}

/// A list of words, or the string form some builders write.
fn words(config: &Value, name: &str) -> Vec<String> {
    let value = ["config", "container_config"]
        .iter()
        .map(|section| &config[section][name])
        .find(|value| !value.is_null());
    match value {
        Some(Value::Array(items)) => items
            .iter()
            .filter_map(|item| item.as_str().map(str::to_owned))
            .collect(),
        Some(Value::String(line)) => vec!["/bin/sh".into(), "-c".into(), line.clone()],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_entrypoint_is_a_shell_line() {
        let config = serde_json::json!({"config": {"Entrypoint": "a b", "Cmd": ["c"]}});
        assert_eq!(words(&config, "Entrypoint"), ["/bin/sh", "-c", "a b"]);
        assert_eq!(words(&config, "Cmd"), ["c"]);
        assert!(words(&config, "Env").is_empty());
    }
}
