//! The configuration in the function's package, and whether it holds secrets.

use std::path::Path;

use config::{ConfigError, FUNCTION_KEYS, FunctionConfig, Overrides};
use serde_json::{Map, Value, json};

use super::settings::Settings;

/// Keys of the configuration that come from other sections than `lambda`.
const FROM_ELSEWHERE: [&str; 3] = ["batch", "deployment", "storage_providers"];
/// Keys of a store that are secret.
const SECRETS: [&str; 5] = [
    "access_key",
    "secret_key",
    "session_token",
    "token",
    "password",
];

/// Name of the file in the package, where the supervisor looks for it.
pub const FILE: &str = "function_config.yaml";

/// The supervisor's configuration of the function, with paths in the package. `bucket` is the bucket for packages and for long
/// events of jobs.
pub fn configuration(settings: &Settings, bucket: Option<&str>) -> Value {
    let lambda = &settings.merged["lambda"];
    let mut config: Map<String, Value> = FUNCTION_KEYS
        .iter()
        .filter(|key| !FROM_ELSEWHERE.contains(key))
        .filter_map(|key| {
            Some((
                (*key).to_owned(),
                lambda.get(*key).filter(|value| !value.is_null())?.clone(),
            ))
        })
        .collect();
    if settings.function.init_script.is_some() {
        config.insert(
            "init_script".to_owned(),
            file_name(settings.function.init_script.as_deref()).into(),
        );
    }
    if settings.function.extra_payload.is_some() {
        config.insert("extra_payload".to_owned(), "/var/task".into());
    }
    if settings.function.image_file.is_some() {
        config["container"]["image_file"] =
            file_name(settings.function.image_file.as_deref()).into();
    }
    if let Some(bucket) = bucket {
        config.insert("deployment".to_owned(), json!({ "bucket": bucket }));
    }
    let batch = &settings.merged["batch"];
    let for_jobs: Map<String, Value> = ["multi_node_parallel", "event_path"]
        .iter()
        .filter_map(|key| Some(((*key).to_owned(), batch.get(*key)?.clone())))
        .collect();
    if settings.uses_batch() && !for_jobs.is_empty() {
        config.insert("batch".to_owned(), for_jobs.into());
    }
    if settings
        .storage_providers
        .as_object()
        .is_some_and(|stores| !stores.is_empty())
    {
        config.insert(
            "storage_providers".to_owned(),
            settings.storage_providers.clone(),
        );
    }
    config.into()
}

/// The supervisor's configuration of a job, which has its script in a variable and runs in its own image.
pub fn job_configuration(settings: &Settings, bucket: Option<&str>) -> Value {
    let mut config = configuration(settings, bucket);
    if let Some(keys) = config.as_object_mut() {
        keys.remove("init_script");
        keys.remove("extra_payload");
    }
    config
}

/// The text of the file: JSON, which is YAML in which no value can be misread.
pub fn text(config: &Value) -> String {
    format!("{config:#}\n")
}

/// Checks the configuration with the supervisor's own reader, before anything is sent.
///
/// # Errors
/// The supervisor's error at its first event.
pub fn check(config: &Value) -> Result<(), ConfigError> {
    FunctionConfig::parse(&text(config), Path::new("/var/task"), &Overrides::default()).map(drop)
}

/// Whether a configuration holds secrets, which must not be where everyone who may look at the function can read them.
pub fn has_secrets(config: &Value) -> bool {
    match config {
        Value::Object(map) => map.iter().any(|(key, value)| {
            (SECRETS.contains(&key.as_str()) && value.as_str().is_some_and(|text| !text.is_empty()))
                || has_secrets(value)
        }),
        _ => false,
    }
}

/// The last part of a path: the file's name in the package.
pub fn file_name(path: Option<&Path>) -> String {
    let name = path.and_then(Path::file_name);
    name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}
