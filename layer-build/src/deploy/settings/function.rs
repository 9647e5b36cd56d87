//! `lambda`: the function itself.

use std::collections::BTreeMap;
use std::path::PathBuf;

use aws_sdk_lambda::types::{InvocationType, LogType};
use config::{DispatchMode, split_path};
use serde_json::Value;

use super::error::SettingsError;
use super::network::{self, FileSystem, Vpc};
use super::reader::Reader;
use crate::layer::arch::Arch;

/// Managed Python runtimes that functions can still be created with, oldest first (Lambda developer guide, "Lambda runtimes").
pub const PYTHONS: [&str; 4] = ["python3.11", "python3.12", "python3.13", "python3.14"];
const PROVIDED: [&str; 2] = ["provided.al2023", "provided.al2"];
/// Most layers of one function, the supervisor's included (Lambda quotas).
const LAYERS: usize = 5;
/// The variable that makes a managed runtime start the supervisor, and its value (Lambda developer guide, "Wrapper scripts").
pub const EXEC_WRAPPER: (&str, &str) = ("AWS_LAMBDA_EXEC_WRAPPER", "/opt/exec-wrapper");

/// What starts the supervisor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Runtime {
    /// A managed runtime, through the layer's wrapper.
    Managed(String),
    /// A custom runtime, whose program is the layer's `bootstrap`.
    Provided(String),
    /// The function's own image.
    Image,
}

/// An entry of `input` or `output`: a folder of a bucket that the function reaches with its own role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BucketFolder {
    /// The bucket.
    pub bucket: String,
    /// The folder, without a slash at the end; empty for the whole bucket.
    pub folder: String,
}

/// The function.
#[derive(Debug, Clone)]
pub struct Function {
    /// Its name; empty for commands that need none.
    pub name: String,
    /// MB.
    pub memory: i32,
    /// Seconds.
    pub timeout: i32,
    /// Shown in the console.
    pub description: String,
    /// What starts the supervisor.
    pub runtime: Runtime,
    /// Variables of the function.
    pub variables: BTreeMap<String, String>,
    /// The user's own layers.
    pub layers: Vec<String>,
    /// The user's own tags.
    pub tags: BTreeMap<String, String>,
    /// `vpc`.
    pub vpc: Option<Vpc>,
    /// `file_system`.
    pub file_systems: Vec<FileSystem>,
    /// MB of `/tmp`.
    pub ephemeral_storage: i32,
    /// Where the container runs.
    pub execution_mode: DispatchMode,
    /// Whether `run` returns without waiting for the result.
    pub asynchronous: bool,
    /// `invocation_type`.
    pub invocation_type: InvocationType,
    /// `log_type`.
    pub log_type: LogType,
    /// The script.
    pub init_script: Option<PathBuf>,
    /// File or folder packaged with the function.
    pub extra_payload: Option<PathBuf>,
    /// Image archive.
    pub image_file: Option<PathBuf>,
    /// Image.
    pub image: Option<String>,
    /// Buckets whose new files start the function.
    pub input: Vec<BucketFolder>,
    /// Buckets for results.
    pub output: Vec<BucketFolder>,
}

impl Function {
    /// The buckets whose new files start the function. A bucket with several folders comes several times.
    pub fn input_buckets(&self) -> impl Iterator<Item = &str> {
        self.input.iter().map(|input| input.bucket.as_str())
    }
}

pub(super) fn read(
    read: &Reader<'_>,
    notices: &mut Vec<String>,
) -> Result<(Function, Arch), SettingsError> {
    let arch = match read
        .list("lambda.architectures")?
        .first()
        .map(String::as_str)
    {
        None | Some("x86_64") => Arch::X86_64,
        Some("arm64") => Arch::Arm64,
        Some(_) => return Err(read.invalid("lambda.architectures", "[x86_64] or [arm64]")),
    };
    let runtime = runtime(read, notices)?;
    let mut variables = read.texts("lambda.environment.Variables")?;
    if let Runtime::Managed(_) = runtime {
        variables.insert(EXEC_WRAPPER.0.to_owned(), EXEC_WRAPPER.1.to_owned());
    }
    let layers = read.list("lambda.layers")?;
    if layers.len() >= LAYERS {
        return Err(read.invalid("lambda.layers", "at most 4 layers beside the supervisor's"));
    }
    let vpc = network::vpc(read)?;
    if runtime == Runtime::Image {
        note_unpackaged(read, notices);
    }
    let path = |key: &str| read.text(key).map(|text| text.map(PathBuf::from));
    let function = Function {
        name: read.text("lambda.name")?.unwrap_or_default(),
        memory: read.count("lambda.memory", 128..=10_240, 512)?,
        timeout: read.count("lambda.timeout", 1..=900, 300)?,
        description: read.text("lambda.description")?.unwrap_or_default(),
        runtime,
        variables,
        layers,
        tags: read.texts("lambda.tags")?,
        file_systems: network::file_systems(read, vpc.as_ref())?,
        vpc,
        ephemeral_storage: ephemeral_storage(read)?,
        execution_mode: read.choice(
            "lambda.execution_mode",
            &[
                ("lambda", DispatchMode::Lambda),
                ("lambda-batch", DispatchMode::LambdaBatch),
                ("batch", DispatchMode::Batch),
            ],
        )?,
        asynchronous: read.flag("lambda.asynchronous")?,
        invocation_type: read.choice(
            "lambda.invocation_type",
            &[
                ("RequestResponse", InvocationType::RequestResponse),
                ("Event", InvocationType::Event),
                ("DryRun", InvocationType::DryRun),
            ],
        )?,
        log_type: read.choice(
            "lambda.log_type",
            &[("Tail", LogType::Tail), ("None", LogType::None)],
        )?,
        init_script: path("lambda.init_script")?,
        extra_payload: path("lambda.extra_payload")?,
        image_file: path("lambda.container.image_file")?,
        image: read.text("lambda.container.image")?,
        input: bucket_folders(read, "lambda.input")?,
        output: bucket_folders(read, "lambda.output")?,
    };
    Ok((function, arch))
}

/// Notes that an image function has no package to put files into.
fn note_unpackaged(read: &Reader<'_>, notices: &mut Vec<String>) {
    for key in ["lambda.init_script", "lambda.extra_payload"] {
        if let Some(path) = read.value(key).and_then(Value::as_str) {
            notices.push(format!(
                "{key}: an image function has no package, so {path} has to be in the image already, below /var/task"
            ));
        }
    }
}

/// Either a map with `Size`, as in Lambda's API, or a number.
fn ephemeral_storage(read: &Reader<'_>) -> Result<i32, SettingsError> {
    let key = "lambda.ephemeral_storage";
    let key = if read.value(key).is_some_and(Value::is_object) {
        "lambda.ephemeral_storage.Size"
    } else {
        key
    };
    read.count(key, 512..=10_240, 512)
}

fn runtime(read: &Reader<'_>, notices: &mut Vec<String>) -> Result<Runtime, SettingsError> {
    let newest = PYTHONS[PYTHONS.len() - 1];
    let name = read
        .text("lambda.runtime")?
        .unwrap_or_else(|| newest.to_owned());
    if name == "image" {
        return Ok(Runtime::Image);
    }
    if PROVIDED.contains(&name.as_str()) {
        return Ok(Runtime::Provided(name));
    }
    if PYTHONS.contains(&name.as_str()) {
        return Ok(Runtime::Managed(name));
    }
    let older = name
        .strip_prefix("python")
        .and_then(|version| version.split_once('.'));
    let older = older
        .and_then(|(major, minor)| Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?)));
    if older.is_some_and(|version| version < (3, 11)) {
        notices.push(format!(
            "lambda.runtime: AWS creates no more functions of runtime {name}, or will soon stop to; {newest} is used in its place"
        ));
        return Ok(Runtime::Managed(newest.to_owned()));
    }
    Err(read.invalid(
        "lambda.runtime",
        &format!(
            "one of {}, {}, image",
            PYTHONS.join(", "),
            PROVIDED.join(", ")
        ),
    ))
}

/// The entries of a list that are in S3. Only the supervisor needs those of other stores.
fn bucket_folders(read: &Reader<'_>, key: &str) -> Result<Vec<BucketFolder>, SettingsError> {
    const EXPECTED: &str =
        "a list of entries with storage_provider and path (bucket or bucket/folder)";
    let items = match read.value(key) {
        None => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(_) => return Err(read.invalid(key, EXPECTED)),
    };
    let mut folders = Vec::new();
    for item in items {
        let provider = item.get("storage_provider").and_then(Value::as_str);
        let path = item.get("path").and_then(Value::as_str);
        let (Some(provider), Some(path)) = (provider, path) else {
            return Err(read.invalid(key, EXPECTED));
        };
        if provider != "s3" && provider != "s3.default" {
            continue;
        }
        let (bucket, folder) = split_path(path).ok_or_else(|| read.invalid(key, EXPECTED))?;
        folders.push(BucketFolder {
            bucket: bucket.to_string(),
            folder: folder.trim_matches('/').to_owned(),
        });
    }
    Ok(folders)
}
