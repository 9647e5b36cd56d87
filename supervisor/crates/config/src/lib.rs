//! Configuration: YAML text to a validated [`FunctionConfig`]. Pure; the text was found and read by the caller.
//!
//! `reader` walks the parsed text carrying the path of each key, so that every wrong value is one error that
//! names it; `file` knows the keys and the two shapes a file may have.

mod choices;
mod container;
mod error;
mod file;
pub mod location;
mod overrides;
mod provider;
mod providers;
mod reader;
mod server;
mod storage;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::location::Bucket;
pub use choices::{
    AwsCredentials, DispatchMode, Engine, HttpStorageEvents, KeepLayers, LogLevel, ModeFamily,
    OnFailure, Prepare, ResponseContent, StageIn, TlsVerify, UdockerMode, UnknownChoice,
};
pub use error::ConfigError;
pub use file::FUNCTION_KEYS;
pub use provider::{
    DEFAULT_ID, OnedataProvider, ProviderId, ProviderKind, ProviderSettings, S3Provider, Secret,
    WebdavProvider,
};
pub use server::ServerUrl;
pub use storage::split_path;

/// Time kept back for staging out and answering when `container.timeout_threshold` is absent.
pub const DEFAULT_TIMEOUT_THRESHOLD: Duration = Duration::from_secs(10);

/// Where a function's own files are mounted (Lambda developer guide, "Lambda execution environment").
pub const FUNCTION_DIRECTORY: &str = "/var/task";

/// Folder of `deployment.bucket` for the events of jobs.
pub const EVENT_FOLDER: &str = "faas-jobs";

/// One function, as its configuration file and the overriding environment variables describe it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FunctionConfig {
    /// The function's name (`name`).
    pub name: Option<String>,
    /// How much the supervisor says (`log_level`).
    pub log_level: LogLevel,
    /// Where the container runs (`execution_mode`).
    pub execution_mode: DispatchMode,
    /// Time for one invocation where the platform sets none (`timeout`, in seconds).
    pub timeout: Option<Duration>,
    /// Script run in the container when the event brings none (`init_script`), resolved against the file's directory.
    pub init_script: Option<PathBuf>,
    /// Directory of additional files that the container sees (`extra_payload`): an absolute path, or
    /// [`FUNCTION_DIRECTORY`] when the file names a folder packaged with the function.
    pub extra_payload: Option<String>,
    /// Whether input objects are downloaded (`file_stage_in`).
    pub stage_in: StageIn,
    /// The container (`container`).
    pub container: ContainerConfig,
    /// Where events may come from (`input`).
    pub input: Vec<InputRule>,
    /// Where outputs go (`output`).
    pub output: Vec<OutputRule>,
    /// The stores that inputs and outputs name (`storage_providers`).
    pub storage_providers: BTreeMap<ProviderId, ProviderSettings>,
    /// Whether HTTP bodies may be storage events (`http.storage_events`).
    pub http_storage_events: HttpStorageEvents,
    /// What a successful response carries (`response`).
    pub response: ResponseContent,
    /// What a failed storage invocation becomes (`on_failure`).
    pub on_failure: OnFailure,
    /// Several nodes per job (`batch.multi_node_parallel`).
    pub multi_node_parallel: Option<MultiNode>,
    /// Memory of the function (`memory`, in MB). It counts with `--as-lambda` only: elsewhere a wrong one is no error.
    pub memory: Option<Result<u32, ConfigError>>,
    /// Size of `/tmp` (`ephemeral_storage`, in MB, or a map with `Size`). It counts with `--as-lambda` only, too.
    pub ephemeral_storage: Option<Result<u32, ConfigError>>,
    /// Where events go that a job's variables cannot hold: `batch.event_path`, else `deployment.bucket` with
    /// [`EVENT_FOLDER`]; `bucket` or `bucket/folder`.
    pub event_path: Option<String>,
}

/// The container to run (`container`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerConfig {
    /// Image to pull (`image`).
    pub image: Option<String>,
    /// Image archive to load instead (`image_file`), resolved against the file's directory.
    pub image_file: Option<PathBuf>,
    /// Time kept back before the deadline for staging out and answering (`timeout_threshold`, in seconds).
    pub timeout_threshold: Duration,
    /// Variables of the container (`environment.Variables`); numbers and booleans as they were written.
    pub variables: BTreeMap<String, String>,
    /// What runs the container (`engine`).
    pub engine: Engine,
    /// What prepares the image (`prepare`).
    pub prepare: Prepare,
    /// udocker's execution mode (`execmode`).
    pub execmode: Option<UdockerMode>,
    /// Whether layers stay in the store (`keep_layers`).
    pub keep_layers: KeepLayers,
    /// Whether the container gets the function's credentials (`aws_credentials`).
    pub aws_credentials: AwsCredentials,
}

impl Default for ContainerConfig {
    fn default() -> Self {
        Self {
            image: None,
            image_file: None,
            timeout_threshold: DEFAULT_TIMEOUT_THRESHOLD,
            variables: BTreeMap::new(),
            engine: Engine::default(),
            prepare: Prepare::default(),
            execmode: None,
            keep_layers: KeepLayers::default(),
            aws_credentials: AwsCredentials::default(),
        }
    }
}

/// One entry of `input`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputRule {
    /// The store that sends the events.
    pub storage_provider: ProviderId,
    /// `bucket` or `bucket/folder`, as written.
    pub path: String,
}

/// One entry of `output`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputRule {
    /// The store that receives the files.
    pub storage_provider: ProviderId,
    /// `bucket` or `bucket/folder`, as written.
    pub path: String,
    /// Only file names that begin with one of these; any name when empty.
    pub prefix: Vec<String>,
    /// Only file names that end with one of these; any name when empty.
    pub suffix: Vec<String>,
}

/// A job of several nodes (`batch.multi_node_parallel`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MultiNode {
    /// Whether jobs have several nodes at all.
    pub enabled: bool,
    /// How many, at least 1.
    pub number_nodes: u32,
    /// Which of them is the main one, from 0.
    pub main_node_index: u32,
}

/// Values of the environment variables that win over the file; an empty value counts as unset.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overrides {
    /// `LOG_LEVEL`.
    pub log_level: Option<String>,
    /// `EXECUTION_MODE`.
    pub execution_mode: Option<String>,
    /// `EXTRA_PAYLOAD`.
    pub extra_payload: Option<String>,
    /// `TIMEOUT_THRESHOLD`, in seconds.
    pub timeout_threshold: Option<String>,
}

impl FunctionConfig {
    /// Reads a configuration file of either shape: the flat `function_config.yaml`, or a function definition file
    /// (`functions.aws[0].lambda` with `storage_providers` beside it). Relative paths are resolved against `base_dir`,
    /// the directory of the file. An empty text is the default configuration.
    ///
    /// # Errors
    /// The first thing wrong, as a [`ConfigError`] that names the key, its value and what was expected.
    pub fn parse(text: &str, base_dir: &Path, overrides: &Overrides) -> Result<Self, ConfigError> {
        let mut config = file::read(text, base_dir)?;
        overrides.apply(&mut config)?;
        Ok(config)
    }

    /// Splits a path of a provider into bucket and folder, see [`split_path`]. In Onedata, paths are below the
    /// provider's space, which is their bucket.
    pub fn place(&self, provider: &ProviderId, path: &str) -> Option<(Bucket, String)> {
        let (bucket, folder) = split_path(path)?;
        let Some(ProviderSettings::Onedata(onedata)) = self.storage_providers.get(provider) else {
            return Some((bucket, folder));
        };
        let folder = match folder.as_str() {
            "" => bucket.to_string(),
            folder => format!("{bucket}/{folder}"),
        };
        Some((onedata.space.clone(), folder))
    }
}
