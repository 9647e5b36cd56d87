//! Function definition files: YAML with functions under `functions.aws` and the stores that they use under
//! `storage_providers`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use thiserror::Error;

const LIST: &str = "a list of functions, each with a `lambda`";

/// Why a file cannot be used.
#[derive(Debug, Error)]
pub enum DefinitionError {
    /// It cannot be read.
    #[error("cannot read the function file {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It is not YAML.
    #[error("{path}, line {line}: not valid YAML: {message}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line of the error.
        line: u64,
        /// The parser's words.
        message: String,
    },
    /// It is YAML, but not of the expected shape.
    #[error("{path}: {key} is {found}, expected {expected}")]
    Shape {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What the file has.
        found: &'static str,
        /// What it should have.
        expected: &'static str,
    },
}

/// One function of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// The file.
    pub path: PathBuf,
    /// Its position in the file, for messages: `functions.aws[0]`.
    pub position: String,
    /// `lambda`, `iam`, `api_gateway`, `cloudwatch`, `batch`, `s3`, with absolute paths.
    pub value: Value,
    /// The file's `storage_providers`.
    pub storage_providers: Value,
}

/// Reads every function of a file.
///
/// # Errors
/// [`DefinitionError`], which names the file and what in it is wrong.
pub fn read(path: &Path) -> Result<Vec<Definition>, DefinitionError> {
    let text = fs::read_to_string(path).map_err(|source| DefinitionError::Io {
        path: path.to_owned(),
        source,
    })?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    parse(&text, path, folder.unwrap_or(Path::new(".")))
}

/// Reads the functions of a file's text; relative paths in it are relative to `folder`.
///
/// # Errors
/// As [`read`].
pub fn parse(text: &str, path: &Path, folder: &Path) -> Result<Vec<Definition>, DefinitionError> {
    let options = serde_saphyr::options! {
        // A snippet of the text could show a secret.
        with_snippet: false,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
    };
    let document: Value = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        DefinitionError::Syntax {
            path: path.to_owned(),
            line: error.location().map_or(0, |location| location.line()),
            message: error.to_string(),
        }
    })?;
    let shape = |key: &str, value: &Value, expected| DefinitionError::Shape {
        path: path.to_owned(),
        key: key.to_owned(),
        found: kind(value),
        expected,
    };
    let found = document.pointer("/functions/aws").unwrap_or(&Value::Null);
    let list = found.as_array().filter(|list| !list.is_empty());
    let list = list.ok_or_else(|| shape("functions.aws", found, LIST))?;
    let one = |(index, entry): (usize, &Value)| {
        let position = format!("functions.aws[{index}]");
        if !entry.get("lambda").is_some_and(Value::is_object) {
            let found = entry.get("lambda").unwrap_or(&Value::Null);
            return Err(shape(
                &format!("{position}.lambda"),
                found,
                "the function's keys, `name` among them",
            ));
        }
        let mut value = entry.clone();
        localize(&mut value["lambda"], folder);
        let storage_providers = document.get("storage_providers").cloned();
        Ok(Definition {
            path: path.to_owned(),
            position,
            value,
            storage_providers: storage_providers.unwrap_or(Value::Object(Map::new())),
        })
    };
    list.iter().enumerate().map(one).collect()
}

/// Makes paths absolute, and moves `image_file` to the key that the supervisor reads.
fn localize(lambda: &mut Value, folder: &Path) {
    if let Some(archive) = lambda
        .as_object_mut()
        .and_then(|keys| keys.remove("image_file"))
    {
        lambda["container"]["image_file"] = archive;
    }
    for pointer in ["/init_script", "/extra_payload", "/container/image_file"] {
        if let Some(value) = lambda.pointer_mut(pointer)
            && let Some(text) = value.as_str()
        {
            *value = located(folder, text).display().to_string().into();
        }
    }
}

/// Resolves a path relative to the file's folder, or to the working directory where it exists only there.
fn located(folder: &Path, text: &str) -> PathBuf {
    let beside = folder.join(text);
    let chosen = if !beside.exists() && Path::new(text).exists() {
        PathBuf::from(text)
    } else {
        beside
    };
    std::path::absolute(&chosen).unwrap_or(chosen)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "missing",
        Value::Object(_) => "keys with values",
        Value::Array(list) if list.is_empty() => "an empty list",
        Value::Array(_) => "a list",
        _ => "a single value",
    }
}
