//! The `container` section: image, time, engine and the variables the container is given.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::choices::{AwsCredentials, KeepLayers};
use super::error::ConfigError;
use super::reader::Node;
use super::{ContainerConfig, DEFAULT_TIMEOUT_THRESHOLD};

const KNOWN: &[&str] = &[
    "image",
    "image_file",
    "timeout_threshold",
    "environment",
    "engine",
    "prepare",
    "execmode",
    "keep_layers",
    "aws_credentials",
];

/// Reads `container` of a function; `text` is the file, for values whose spelling matters.
pub(super) fn read(
    function: &Node<'_>,
    text: &str,
    base_dir: &Path,
) -> Result<ContainerConfig, ConfigError> {
    let Some(container) = function.get("container")? else {
        return Ok(ContainerConfig::default());
    };
    container.note_unknown(KNOWN);
    Ok(ContainerConfig {
        image: container.optional_text("image")?,
        image_file: container
            .optional_text("image_file")?
            .map(|path| base_dir.join(path)),
        timeout_threshold: match container.get("timeout_threshold")? {
            Some(node) => node.seconds()?,
            None => DEFAULT_TIMEOUT_THRESHOLD,
        },
        variables: variables(&container, text)?,
        engine: container.choice_or_default("engine")?,
        prepare: container.choice_or_default("prepare")?,
        execmode: container
            .get("execmode")?
            .map(|node| node.choice())
            .transpose()?,
        keep_layers: match container
            .get("keep_layers")?
            .map(|node| node.boolean())
            .transpose()?
        {
            None => KeepLayers::Default,
            Some(true) => KeepLayers::Keep,
            Some(false) => KeepLayers::Drop,
        },
        aws_credentials: match container
            .get("aws_credentials")?
            .map(|node| node.boolean())
            .transpose()?
        {
            None | Some(true) => AwsCredentials::Pass,
            Some(false) => AwsCredentials::Withhold,
        },
    })
}

/// `environment.Variables`. Every scalar is text in the container; `null` is the empty text.
fn variables(container: &Node<'_>, text: &str) -> Result<BTreeMap<String, String>, ConfigError> {
    let Some(environment) = container.get("environment")? else {
        return Ok(BTreeMap::new());
    };
    environment.note_unknown(&["Variables"]);
    let Some(node) = environment.get("Variables")? else {
        return Ok(BTreeMap::new());
    };
    let Value::Object(map) = node.value() else {
        return Err(node.invalid("keys with values"));
    };
    let mut variables = BTreeMap::new();
    for (name, value) in map {
        variables.insert(name.clone(), variable(&node, name, value)?);
    }
    if map
        .values()
        .any(|value| value.is_number() || value.is_boolean())
    {
        restore_spelling(&mut variables, text);
    }
    Ok(variables)
}

fn variable(node: &Node<'_>, name: &str, value: &Value) -> Result<String, ConfigError> {
    // The value may well be a password.
    let invalid = |expected| node.entry(name, value).hidden().invalid(expected);
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(invalid("a variable name without `=`"));
    }
    match value {
        Value::Null => Ok(String::new()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        Value::String(text) if text.contains('\0') => Err(invalid("text without NUL")),
        Value::String(text) => Ok(text.clone()),
        Value::Array(_) | Value::Object(_) => Err(invalid("text, a number or a boolean")),
    }
}

/// Numbers and booleans lose their spelling when they are understood (`1.10`, `yes`); the container gets them as they
/// were written. A second reading of the text, as text, knows it.
fn restore_spelling(variables: &mut BTreeMap<String, String>, text: &str) {
    let options = serde_saphyr::options! { with_snippet: false };
    let Ok(file) = serde_saphyr::from_str_with_options::<WrittenFile>(text, options) else {
        return;
    };
    let container = match file.functions {
        Some(functions) => functions
            .aws
            .into_iter()
            .next()
            .and_then(|entry| entry.lambda?.container),
        None => file.container,
    };
    let written = container
        .and_then(|container| container.environment)
        .and_then(|environment| environment.variables);
    for (name, value) in written.into_iter().flatten() {
        if let (Some(variable), Some(value)) = (variables.get_mut(&name), value) {
            *variable = value;
        }
    }
}

/// The way to the variables in either shape of the file, and nothing else of it.
#[derive(Deserialize)]
struct WrittenFile {
    functions: Option<WrittenFunctions>,
    container: Option<WrittenContainer>,
}

#[derive(Deserialize)]
struct WrittenFunctions {
    aws: Vec<WrittenEntry>,
}

#[derive(Deserialize)]
struct WrittenEntry {
    lambda: Option<WrittenLambda>,
}

#[derive(Deserialize)]
struct WrittenLambda {
    container: Option<WrittenContainer>,
}

#[derive(Deserialize)]
struct WrittenContainer {
    environment: Option<WrittenEnvironment>,
}

#[derive(Deserialize)]
struct WrittenEnvironment {
    #[serde(rename = "Variables")]
    variables: Option<BTreeMap<String, Option<String>>>,
}
