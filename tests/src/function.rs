//! The function of a sandbox: its script and its configuration.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::sandbox::Sandbox;

impl Sandbox {
    /// Writes `script.sh` and a configuration that runs it in the mode's image with a time threshold of one second.
    /// `more` is laid over that configuration, object by object.
    pub fn function(&self, script: &str, more: &Value) -> PathBuf {
        let container = json!({
            "image_file": self.mode().image(), "execmode": self.mode().name(), "engine": self.mode().engine() });
        self.configure(script, &container, more)
    }

    /// The same for a function that is an image itself: the configuration names none.
    pub fn image_function(&self, script: &str, more: &Value) -> PathBuf {
        self.configure(script, &json!({}), more)
    }

    fn configure(&self, script: &str, container: &Value, more: &Value) -> PathBuf {
        self.write("script.sh", script);
        let mut config = json!({
            "name": "test-function",
            "init_script": "script.sh",
            "container": container,
        });
        config["container"]["timeout_threshold"] = json!(1);
        overlay(&mut config, more);
        // JSON is YAML.
        self.write("function_config.yaml", config.to_string())
    }
}

/// Lays `more` over `base`: objects are merged, anything else replaces; `null` takes a key out.
fn overlay(base: &mut Value, more: &Value) {
    match (base, more) {
        (Value::Object(base), Value::Object(more)) => {
            for (key, value) in more {
                if value.is_null() {
                    base.remove(key);
                } else {
                    overlay(base.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (base, more) => *base = more.clone(),
    }
}
