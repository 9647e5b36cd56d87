//! `scar.cfg`: the user's defaults for every function. It is created at first use and updated when its version is older than the
//! default's. The lines of its keys are kept, so that errors can name them.

mod default;
pub mod lines;
mod print;
mod unread;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;
use thiserror::Error;

pub use default::{DEFAULT, defaults};
pub use lines::Lines;
pub use print::pretty;
pub use unread::unread;

/// Variable with the folder of the file, in place of `$HOME/.scar`.
pub const FOLDER_VARIABLE: &str = "SCAR_CONFIG_FOLDER";
const FILE: &str = "scar.cfg";
const FIRST_STEPS: &str = "Before the first function fill in aws.iam.role, the role that functions run with (`faas-deploy config check` \
prints the policy it needs). For AWS Batch fill in aws.batch.compute_resources.subnets and .security_group_ids too.";

/// Why there is no configuration.
#[derive(Debug, Error)]
pub enum CfgError {
    /// Neither the folder's variable nor the home directory is set.
    #[error("no place for scar.cfg: set HOME, or {FOLDER_VARIABLE} to a folder")]
    NoHome,
    /// The file or its folder cannot be read, created or written.
    #[error("cannot {verb} {path}: {source}")]
    Io {
        /// What was being done.
        verb: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is not JSON.
    #[error(
        "{path}, line {line}, column {column}: not valid JSON: {message}; correct it, or move the file away to get the default one"
    )]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line of the error.
        line: usize,
        /// Column of the error.
        column: usize,
        /// The parser's words.
        message: String,
    },
    /// The file is JSON, but holds no keys.
    #[error("{0}: expected keys with values at the top, `scar` and `aws`")]
    Shape(PathBuf),
}

/// The file, read.
#[derive(Debug, Clone)]
pub struct Cfg {
    /// Where it is.
    pub path: PathBuf,
    /// Its content.
    pub value: Value,
    /// On which lines its keys are.
    pub lines: Lines,
    /// Remarks for the user.
    pub notices: Vec<String>,
}

/// The path of the file, from the values of `SCAR_CONFIG_FOLDER` and `HOME`.
///
/// # Errors
/// [`CfgError::NoHome`] when neither is set.
pub fn path(folder: Option<PathBuf>, home: Option<PathBuf>) -> Result<PathBuf, CfgError> {
    let folder = folder.or_else(|| home.map(|home| home.join(".scar")));
    Ok(folder.ok_or(CfgError::NoHome)?.join(FILE))
}

/// Reads the file at `path`. Creates it when there is none, and updates one with an older version.
///
/// # Errors
/// [`CfgError`] when it cannot be read, written or understood.
pub fn load(path: &Path) -> Result<Cfg, CfgError> {
    let mut notices = Vec::new();
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            write(path, DEFAULT)?;
            notices.push(format!(
                "{} has been made with the default configuration. {FIRST_STEPS}",
                path.display()
            ));
            DEFAULT.to_owned()
        }
        Err(source) => return Err(io_error("read", path, source)),
    };
    let value = parse(path, &text)?;
    let Some(updated) = upgrade(&value) else {
        let lines = Lines::of(&text);
        return Ok(Cfg {
            path: path.to_owned(),
            value,
            lines,
            notices,
        });
    };
    let old = keep_old(path, &text)?;
    let text = pretty(&updated);
    write(path, &text)?;
    notices.push(format!(
        "{} was of an older version: new keys have been added with their defaults, your values are kept; the file as it was is {}",
        path.display(),
        old.display()
    ));
    Ok(Cfg {
        path: path.to_owned(),
        value: updated,
        lines: Lines::of(&text),
        notices,
    })
}

fn parse(path: &Path, text: &str) -> Result<Value, CfgError> {
    let value: Value = serde_json::from_str(text).map_err(|error| CfgError::Syntax {
        path: path.to_owned(),
        line: error.line(),
        column: error.column(),
        message: message(&error),
    })?;
    if value.is_object() {
        Ok(value)
    } else {
        Err(CfgError::Shape(path.to_owned()))
    }
}

/// The parser's words without the position, which the error names itself.
fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ")
        .map_or(text.clone(), |(words, _)| words.to_owned())
}

/// The file with the keys that it lacks, if its version is older than the default's.
pub fn upgrade(old: &Value) -> Option<Value> {
    let version = |value: &Value| {
        let text = value
            .pointer("/scar/config_version")
            .and_then(Value::as_str)
            .unwrap_or("0");
        text.split('.')
            .map(|part| part.parse().unwrap_or(0))
            .collect::<Vec<u64>>()
    };
    let default = defaults();
    if version(old) >= version(&default) {
        return None;
    }
    let mut merged = merge(default.clone(), old);
    merged["scar"]["config_version"] = default["scar"]["config_version"].clone();
    Some(merged)
}

/// Merges `over` into `under`: maps key by key, everything else as a whole. `null` counts as absent.
pub fn merge(under: Value, over: &Value) -> Value {
    match (under, over) {
        (Value::Object(mut under), Value::Object(over)) => {
            for (key, value) in over {
                let below = under.remove(key).unwrap_or(Value::Null);
                under.insert(key.clone(), merge(below, value));
            }
            Value::Object(under)
        }
        (under, Value::Null) => under,
        (_, over) => over.clone(),
    }
}

/// Writes the old text to a file beside it, with the first free name.
fn keep_old(path: &Path, text: &str) -> Result<PathBuf, CfgError> {
    let names = std::iter::once(String::new()).chain((1..).map(|number| format!(".{number}")));
    let mut candidates = names.map(|end| path.with_file_name(format!("{FILE}_old{end}")));
    let free = candidates.find(|candidate| !candidate.exists());
    let old = free.unwrap_or_else(|| path.with_file_name(format!("{FILE}_old")));
    write(&old, text)?;
    Ok(old)
}

/// Writes the file atomically: first to a file beside it, which then takes its name.
fn write(path: &Path, text: &str) -> Result<(), CfgError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|source| io_error("make", folder, source))?;
    let unfinished = path.with_extension("unfinished");
    fs::write(&unfinished, text).map_err(|source| io_error("write", &unfinished, source))?;
    fs::rename(&unfinished, path).map_err(|source| io_error("write", path, source))
}

fn io_error(verb: &'static str, path: &Path, source: io::Error) -> CfgError {
    CfgError::Io {
        verb,
        path: path.to_owned(),
        source,
    }
}
