//! The process environment as a value: read once at start-up, here and nowhere else.
//!
//! Everything below `main` gets an [`Environment`]; nothing ever changes the process's own, so
//! one invocation cannot leak a variable into the next.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use crate::config::AwsCredentials;

/// `host:port` of the Lambda Runtime API; its presence means "we are a Lambda runtime".
pub const AWS_LAMBDA_RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";
/// Name of the Lambda function.
pub const AWS_LAMBDA_FUNCTION_NAME: &str = "AWS_LAMBDA_FUNCTION_NAME";
/// Memory of the Lambda function in MB.
pub const AWS_LAMBDA_FUNCTION_MEMORY_SIZE: &str = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE";
/// Version of the Lambda function.
pub const AWS_LAMBDA_FUNCTION_VERSION: &str = "AWS_LAMBDA_FUNCTION_VERSION";
/// `CloudWatch` log group of the function.
pub const AWS_LAMBDA_LOG_GROUP_NAME: &str = "AWS_LAMBDA_LOG_GROUP_NAME";
/// `CloudWatch` log stream of this execution environment.
pub const AWS_LAMBDA_LOG_STREAM_NAME: &str = "AWS_LAMBDA_LOG_STREAM_NAME";
/// `JSON` or `Text`: the log format the function is configured with.
pub const AWS_LAMBDA_LOG_FORMAT: &str = "AWS_LAMBDA_LOG_FORMAT";
/// How many invocations an execution environment may be given at once (Lambda Managed Instances); unset elsewhere.
pub const AWS_LAMBDA_MAX_CONCURRENCY: &str = "AWS_LAMBDA_MAX_CONCURRENCY";
/// `off`: no metrics are written to a function's log.
pub const FAAS_METRICS: &str = "FAAS_METRICS";
/// `off`: no overlay is mounted over a container's file system, what a run changes there is undone by other means.
pub const FAAS_OVERLAY: &str = "FAAS_OVERLAY";
/// Where the function's package is unpacked (`/var/task`).
pub const LAMBDA_TASK_ROOT: &str = "LAMBDA_TASK_ROOT";
/// Base64 of `function_config.yaml`, used in Lambda when the package holds no such file.
pub const FDL: &str = "FDL";
/// How a Lambda function is packaged; see [`IMAGE_FUNCTION`].
pub const AWS_EXECUTION_ENV: &str = "AWS_EXECUTION_ENV";
/// Value of [`AWS_EXECUTION_ENV`] in a function that is a container image.
pub const IMAGE_FUNCTION: &str = "AWS_Lambda_Image";
/// Base64 of `function_config.yaml`, used in a job where [`JOB_CONFIG_FILE`] does not exist.
pub const FUNCTION_CONFIG: &str = "FUNCTION_CONFIG";
/// Where a job runner mounts the configuration.
pub const JOB_CONFIG_FILE: &str = "/oscar/config/function_config.yaml";
/// Where a job runner mounts the script.
pub const JOB_SCRIPT_FILE: &str = "/oscar/config/script.sh";
/// A job's event; without it the event is read from standard input.
pub const EVENT: &str = "EVENT";
/// Base64 of a job's script, for events that bring none.
pub const SCRIPT: &str = "SCRIPT";
/// JSON about the function that delegated a job.
pub const CONTEXT: &str = "CONTEXT";
/// Id of the invocation a job was delegated by.
pub const AWS_LAMBDA_REQUEST_ID: &str = "AWS_LAMBDA_REQUEST_ID";
/// Set by AWS Batch in its jobs (AWS Batch user guide, "Job environment variables").
pub const AWS_BATCH_JOB_ID: &str = "AWS_BATCH_JOB_ID";
/// Overrides `log_level`.
pub const LOG_LEVEL: &str = "LOG_LEVEL";
/// Overrides `execution_mode`.
pub const EXECUTION_MODE: &str = "EXECUTION_MODE";
/// Overrides `extra_payload`.
pub const EXTRA_PAYLOAD: &str = "EXTRA_PAYLOAD";
/// Overrides `container.timeout_threshold`, in seconds.
pub const TIMEOUT_THRESHOLD: &str = "TIMEOUT_THRESHOLD";
/// The udocker launcher.
pub const UDOCKER_EXEC: &str = "UDOCKER_EXEC";
/// The directory of udocker's image store.
pub const UDOCKER_DIR: &str = "UDOCKER_DIR";
/// The registry to pull from in place of Docker Hub.
pub const UDOCKER_REGISTRY: &str = "UDOCKER_REGISTRY";
/// The file that `udocker login` writes, below `~/.udocker`.
pub const UDOCKER_KEYSTORE: &str = "UDOCKER_KEYSTORE";
/// The directory of the file that `docker login` writes (`~/.docker` when unset).
pub const DOCKER_CONFIG: &str = "DOCKER_CONFIG";
/// udocker's default execution mode (`P1`, `F1`, …).
pub const UDOCKER_DEFAULT_EXECUTION_MODE: &str = "UDOCKER_DEFAULT_EXECUTION_MODE";
/// udocker's directory for temporary files.
pub const UDOCKER_TMP: &str = "UDOCKER_TMP";
/// Directory for temporary files (`/tmp` when unset).
pub const TMPDIR: &str = "TMPDIR";
/// Key of the function's own credentials.
pub const AWS_ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
/// Secret of the function's own credentials.
pub const AWS_SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";
/// Session token of the function's own credentials.
pub const AWS_SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";
/// Region the function runs in.
pub const AWS_REGION: &str = "AWS_REGION";
/// Region where `AWS_REGION` is not set (the name other AWS tools read).
pub const AWS_DEFAULT_REGION: &str = "AWS_DEFAULT_REGION";
/// Endpoint of every AWS service, for compatible servers.
pub const AWS_ENDPOINT_URL: &str = "AWS_ENDPOINT_URL";
/// File of certificates to trust beside the system's (the variable is the AWS CLI's).
pub const AWS_CA_BUNDLE: &str = "AWS_CA_BUNDLE";
/// Who passes `http` requests on, in either spelling. Ours are curl's.
pub const HTTP_PROXY: [&str; 2] = ["http_proxy", "HTTP_PROXY"];
/// Who passes `https` requests on.
pub const HTTPS_PROXY: [&str; 2] = ["https_proxy", "HTTPS_PROXY"];
/// Who passes on what has no other proxy.
pub const ALL_PROXY: [&str; 2] = ["all_proxy", "ALL_PROXY"];
/// Hosts, domains and networks that are reached without a proxy.
pub const NO_PROXY: [&str; 2] = ["no_proxy", "NO_PROXY"];
/// Endpoint of S3, for compatible servers.
pub const AWS_ENDPOINT_URL_S3: &str = "AWS_ENDPOINT_URL_S3";

/// Names that udocker itself and its Python need from us; everything else stays here.
const PASSED_TO_UDOCKER: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "VIRTUAL_ENV",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
];
const PREFIXES_PASSED_TO_UDOCKER: &[&str] = &["UDOCKER_", "PROOT_", "PYTHON", "LC_"];

/// What the supervisor itself is told and a command it starts is not: some of it is secret, some of it would be taken
/// for the command's own.
const OWN: &[&str] = &[
    AWS_LAMBDA_RUNTIME_API,
    FDL,
    FUNCTION_CONFIG,
    SCRIPT,
    CONTEXT,
    // Come from the invocation, where they may be another's or none.
    AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY,
    AWS_SESSION_TOKEN,
];
/// Where AWS clients find credentials beside the three variables (AWS SDKs and tools reference guide, "Container credential
/// provider" and "Assume role with web identity").
const CREDENTIAL_SOURCES: &[&str] = &[
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
];

/// Where this process runs, as far as its environment tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A Lambda execution environment (or an emulator of its Runtime API).
    Lambda,
    /// Anywhere else.
    Terminal,
}

/// A snapshot of a process environment.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

/// Values may be secret: only the names are shown.
impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Environment {
    /// Takes the snapshot of this process's environment.
    pub fn from_process() -> Self {
        Self(std::env::vars_os().collect())
    }

    /// An environment of the caller's making, for tests and embedding.
    pub fn from_pairs<K: Into<OsString>, V: Into<OsString>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(k, v)| (k.into(), v.into()))
                .collect(),
        )
    }

    /// The variable as the bytes it holds; empty counts as set.
    pub fn get_os(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// The variable as text; unset, empty and non-UTF-8 are `None`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_os(name)?.to_str().filter(|v| !v.is_empty())
    }

    /// The variable as an owned text, see [`Environment::get`].
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    /// The variable as a path, see [`Environment::get`].
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from)
    }

    /// The same environment with one variable set to another value.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// Whether this is a Lambda function that is a container image.
    pub fn is_image_function(&self) -> bool {
        self.place() == Place::Lambda && self.get(AWS_EXECUTION_ENV) == Some(IMAGE_FUNCTION)
    }

    /// This program's file. Containers without `/proc` cannot tell; then it is what the program was called by.
    pub fn own_binary(&self) -> PathBuf {
        let called_by = || {
            let name = PathBuf::from(std::env::args_os().next()?);
            if name.components().count() > 1 {
                name.canonicalize().ok()
            } else {
                self.find_on_path(name.to_str()?)
            }
        };
        std::env::current_exe()
            .ok()
            .or_else(called_by)
            .unwrap_or_else(|| PathBuf::from("/proc/self/exe"))
    }

    /// Lambda or not.
    pub fn place(&self) -> Place {
        if self.get(AWS_LAMBDA_RUNTIME_API).is_some() {
            Place::Lambda
        } else {
            Place::Terminal
        }
    }

    /// Where workspaces are made.
    pub fn temp_dir(&self) -> PathBuf {
        self.path(TMPDIR).unwrap_or_else(|| PathBuf::from("/tmp"))
    }

    /// Where the function's package is, see [`LAMBDA_TASK_ROOT`].
    pub fn task_root(&self) -> PathBuf {
        self.path(LAMBDA_TASK_ROOT)
            .unwrap_or_else(|| PathBuf::from("/var/task"))
    }

    /// First executable called `name` on `PATH`.
    pub fn find_on_path(&self, name: &str) -> Option<PathBuf> {
        std::env::split_paths(self.get_os("PATH")?)
            .map(|dir| dir.join(name))
            .find(|candidate| is_executable(candidate))
    }

    /// What a command inherits that runs beside the supervisor, in the same image: everything but what is the
    /// supervisor's own, and with [`AwsCredentials::Withhold`] nothing that leads to credentials.
    pub fn for_command(&self, credentials: AwsCredentials) -> BTreeMap<OsString, OsString> {
        let withheld = |name: &str| match credentials {
            AwsCredentials::Pass => false,
            AwsCredentials::Withhold => CREDENTIAL_SOURCES.contains(&name),
        };
        let kept = self.0.iter().filter(|(name, _)| {
            let name = name.to_str().unwrap_or_default();
            !OWN.contains(&name) && !withheld(name)
        });
        kept.map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// The variables that a udocker process is started with.
    pub fn for_udocker(&self) -> BTreeMap<OsString, OsString> {
        self.0
            .iter()
            .filter(|(name, _)| name.to_str().is_some_and(is_passed_to_udocker))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

fn is_passed_to_udocker(name: &str) -> bool {
    PASSED_TO_UDOCKER.contains(&name)
        || PREFIXES_PASSED_TO_UDOCKER
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

fn is_executable(path: &Path) -> bool {
    path.is_file() && nix::unistd::access(path, nix::unistd::AccessFlags::X_OK).is_ok()
}
