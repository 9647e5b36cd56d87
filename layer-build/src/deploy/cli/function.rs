//! Options that describe a function, as a layer of configuration above the function's file.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value, json};

/// Options of `init`, `update` and `plan`.
#[derive(Debug, Clone, Default, Args)]
pub struct FunctionOptions {
    /// Container image (centos:7).
    #[arg(short, long, conflicts_with = "image_file")]
    pub image: Option<String>,
    /// Image archive made with `docker save` [-if].
    #[arg(long, value_name = "FILE")]
    pub image_file: Option<PathBuf>,
    /// YAML file with the function's definition.
    #[arg(short = 'f', long, value_name = "FILE")]
    pub conf_file: Option<PathBuf>,
    /// The function's name.
    #[arg(short, long)]
    pub name: Option<String>,
    /// Script that the container runs.
    #[arg(short = 's', long, value_name = "FILE")]
    pub init_script: Option<PathBuf>,
    /// Call the function once, so that the image is in target [-ph].
    #[arg(long)]
    pub preheat: bool,
    /// File or folder to package with the function [-ep].
    #[arg(long, value_name = "PATH")]
    pub extra_payload: Option<PathBuf>,
    /// Bucket that packages too large for a request go through [-db].
    #[arg(long, value_name = "BUCKET")]
    pub deployment_bucket: Option<String>,
    /// Make an HTTP endpoint of this name [-api].
    #[arg(long, value_name = "NAME")]
    pub api_gateway_name: Option<String>,
    /// The function's description.
    #[arg(short, long)]
    pub description: Option<String>,
    /// Variable of the container (VAR=value), any number of times.
    #[arg(short, long, value_name = "VAR=VALUE", value_parser = pair)]
    pub environment: Vec<(String, String)>,
    /// Variable of the function (VAR=value), any number of times [-le].
    #[arg(long, value_name = "VAR=VALUE", value_parser = pair)]
    pub lambda_environment: Vec<(String, String)>,
    /// Memory in MB, 128 to 10240.
    #[arg(short, long, value_name = "MB", value_parser = clap::value_parser!(i32).range(128..=10240))]
    pub memory: Option<i32>,
    /// Longest execution in seconds, 1 to 900.
    #[arg(short, long, value_name = "SECONDS", value_parser = clap::value_parser!(i32).range(1..=900))]
    pub timeout: Option<i32>,
    /// Part of the timeout kept for uploading results, in seconds [-tt].
    #[arg(long, value_name = "SECONDS")]
    pub timeout_threshold: Option<u32>,
    /// How much the supervisor logs: CRITICAL, ERROR, WARNING, INFO, DEBUG [-ll].
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// ARN of a further layer, any number of times.
    #[arg(short, long, value_name = "ARN")]
    pub layers: Vec<String>,
    /// Bucket, or bucket/folder, whose new files start the function [-ib].
    #[arg(long, value_name = "BUCKET")]
    pub input_bucket: Option<String>,
    /// Bucket, or bucket/folder, for results [-ob].
    #[arg(long, value_name = "BUCKET")]
    pub output_bucket: Option<String>,
    /// lambda, lambda-batch or batch [-em].
    #[arg(long, value_name = "MODE")]
    pub execution_mode: Option<String>,
    /// Role that the function runs with: its ARN or its name.
    #[arg(short = 'r', long, value_name = "ROLE")]
    pub iam_role: Option<String>,
    /// Version of the supervisor [-sv].
    #[arg(long, value_name = "VERSION")]
    pub supervisor_version: Option<String>,
    /// Lambda runtime: python3.x, provided.al2023, image [-rt].
    #[arg(long)]
    pub runtime: Option<String>,
    /// Memory of a job in MB [-bm].
    #[arg(long, value_name = "MB")]
    pub batch_memory: Option<u32>,
    /// Processors of a job [-bc].
    #[arg(long, value_name = "COUNT")]
    pub batch_vcpus: Option<u32>,
    /// Reserve a GPU for a job.
    #[arg(short = 'g', long)]
    pub enable_gpu: bool,
}

impl FunctionOptions {
    /// The options as configuration, in the shape of one entry of a function file.
    pub fn layer(&self) -> Value {
        let text = |path: &PathBuf| Value::from(absolute(path));
        let bucket = |path: &String| json!([{ "storage_provider": "s3", "path": path }]);
        let log_level = self.log_level.as_ref().map(|level| level.to_uppercase());
        let mut keys = Keys::default();
        keys.set("lambda.name", self.name.clone());
        keys.set("lambda.memory", self.memory);
        keys.set("lambda.timeout", self.timeout);
        keys.set("lambda.description", self.description.clone());
        keys.set("lambda.log_level", log_level);
        keys.set("lambda.execution_mode", self.execution_mode.clone());
        keys.set("lambda.runtime", self.runtime.clone());
        keys.set("lambda.init_script", self.init_script.as_ref().map(text));
        keys.set(
            "lambda.extra_payload",
            self.extra_payload.as_ref().map(text),
        );
        keys.set("lambda.container.image", self.image.clone());
        keys.set(
            "lambda.container.image_file",
            self.image_file.as_ref().map(text),
        );
        keys.set("lambda.container.timeout_threshold", self.timeout_threshold);
        keys.set(
            "lambda.container.environment.Variables",
            variables(&self.environment),
        );
        keys.set(
            "lambda.environment.Variables",
            variables(&self.lambda_environment),
        );
        keys.set(
            "lambda.layers",
            (!self.layers.is_empty()).then(|| json!(self.layers)),
        );
        keys.set("lambda.input", self.input_bucket.as_ref().map(bucket));
        keys.set("lambda.output", self.output_bucket.as_ref().map(bucket));
        keys.set("lambda.deployment.bucket", self.deployment_bucket.clone());
        keys.set("lambda.supervisor.version", self.supervisor_version.clone());
        keys.set("iam.role", self.iam_role.clone());
        keys.set("api_gateway.name", self.api_gateway_name.clone());
        keys.set("batch.memory", self.batch_memory);
        keys.set("batch.vcpus", self.batch_vcpus);
        keys.set("batch.enable_gpu", self.enable_gpu.then_some(true));
        keys.0
    }
}

/// A configuration that grows key by key.
#[derive(Debug)]
struct Keys(Value);

impl Default for Keys {
    fn default() -> Self {
        Self(Value::Object(Map::new()))
    }
}

impl Keys {
    fn set(&mut self, path: &str, value: Option<impl Into<Value>>) {
        let Some(value) = value else { return };
        let mut target = &mut self.0;
        for key in path.split('.') {
            target = &mut target[key];
        }
        *target = value.into();
    }
}

/// Relative to where the command was typed, whatever is done with it later.
fn absolute(path: &Path) -> String {
    std::path::absolute(path).map_or_else(
        |_| path.display().to_string(),
        |path| path.display().to_string(),
    )
}

fn variables(pairs: &[(String, String)]) -> Option<Value> {
    let map: Map<String, Value> = pairs
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().into()))
        .collect();
    (!map.is_empty()).then_some(Value::Object(map))
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("{text:?} is not of the form VAR=value")),
    }
}
