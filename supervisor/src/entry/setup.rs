//! What every entry needs before its first invocation: the configuration, and facts of the environment.

use std::{
    fs, io,
    net::UdpSocket,
    path::{Path, PathBuf},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use thiserror::Error;

use crate::plan::FunctionCredentials;
use config::{ConfigError, FunctionConfig, Overrides, Secret};
use environment::{self as names, Environment};
use net::Network;
use storage::{AwsSettings, StoreSettings};

/// Name of the configuration in the function's package.
pub const CONFIG_FILE: &str = "function_config.yaml";

/// Why there is no configuration.
#[derive(Debug, Error)]
pub enum SetupError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}: {reason}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// The variable is not base64 of a text.
    #[error("environment variable {name}: found something else, expected base64 of a YAML text")]
    Encoding {
        /// The variable.
        name: &'static str,
    },
    /// The text is wrong.
    #[error("configuration {origin}: {reason}")]
    Config {
        /// The file or variable.
        origin: String,
        /// What is wrong in it.
        reason: ConfigError,
    },
}

/// Reads the configuration of a Lambda function: the package's file, else the variable `FDL`, else the defaults.
///
/// # Errors
/// [`SetupError`] naming the file or variable.
pub fn lambda_config(environment: &Environment) -> Result<FunctionConfig, SetupError> {
    let root = environment.task_root();
    let path = root.join(CONFIG_FILE);
    if path.exists() {
        return config_file(&path, environment);
    }
    config_variable(names::FDL, &root, environment)
}

/// Reads the configuration of a job: the mounted file, else the variable `FUNCTION_CONFIG`, else the defaults.
///
/// # Errors
/// [`SetupError`] naming the file or variable.
pub fn job_config(environment: &Environment) -> Result<FunctionConfig, SetupError> {
    let path = Path::new(names::JOB_CONFIG_FILE);
    if path.exists() {
        return config_file(path, environment);
    }
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    config_variable(names::FUNCTION_CONFIG, &here, environment)
}

/// Reads a configuration that is in a variable; paths in it are relative to `base`.
fn config_variable(
    name: &'static str,
    base: &Path,
    environment: &Environment,
) -> Result<FunctionConfig, SetupError> {
    let Some(encoded) = environment.get(name) else {
        return parse("defaults", "", base, environment);
    };
    let text = decoded(encoded)
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or(SetupError::Encoding { name })?;
    parse(name, &text, base, environment)
}

/// Decodes base64. Ignores white space, as tools break lines.
pub fn decoded(text: &str) -> Option<Vec<u8>> {
    let text: String = text.split_ascii_whitespace().collect();
    BASE64_STANDARD.decode(text).ok()
}

/// Reads a configuration file; paths in it are relative to its directory.
///
/// # Errors
/// [`SetupError`] naming the file.
pub fn config_file(path: &Path, environment: &Environment) -> Result<FunctionConfig, SetupError> {
    let read = |reason| SetupError::Read {
        path: path.to_owned(),
        reason,
    };
    let text = fs::read_to_string(path).map_err(read)?;
    let path = path.canonicalize().map_err(read)?;
    let base = path.parent().unwrap_or(Path::new("/"));
    parse(&path.display().to_string(), &text, base, environment)
}

/// Applies the environment's overrides to the configuration in `text`.
///
/// # Errors
/// [`SetupError::Config`].
pub fn parse(
    origin: &str,
    text: &str,
    base: &Path,
    environment: &Environment,
) -> Result<FunctionConfig, SetupError> {
    let overrides = Overrides {
        log_level: environment.text(names::LOG_LEVEL),
        execution_mode: environment.text(names::EXECUTION_MODE),
        extra_payload: environment.text(names::EXTRA_PAYLOAD),
        timeout_threshold: environment.text(names::TIMEOUT_THRESHOLD),
    };
    FunctionConfig::parse(text, base, &overrides).map_err(|reason| SetupError::Config {
        origin: origin.to_owned(),
        reason,
    })
}

/// The stores the function may use.
pub fn store_settings(
    config: &FunctionConfig,
    environment: &Environment,
    local_root: Option<PathBuf>,
) -> StoreSettings {
    StoreSettings {
        providers: config.storage_providers.clone(),
        local_root,
        aws: AwsSettings {
            endpoint_url: environment
                .text(names::AWS_ENDPOINT_URL_S3)
                .or_else(|| environment.text(names::AWS_ENDPOINT_URL)),
            region: region(environment),
            network: Network::of(environment),
        },
    }
}

/// The function's own credentials, as its container gets them.
pub fn credentials(environment: &Environment) -> Option<FunctionCredentials> {
    let secret = |name| environment.text(name).map(Secret::new);
    Some(FunctionCredentials {
        access_key_id: secret(names::AWS_ACCESS_KEY_ID)?,
        secret_access_key: secret(names::AWS_SECRET_ACCESS_KEY)?,
        session_token: secret(names::AWS_SESSION_TOKEN),
        region: region(environment),
    })
}

fn region(environment: &Environment) -> Option<String> {
    environment
        .text(names::AWS_REGION)
        .or_else(|| environment.text(names::AWS_DEFAULT_REGION))
}

/// The address this machine uses to reach others. Nothing is sent to find it.
pub fn instance_ip() -> String {
    let local = || -> io::Result<String> {
        let socket = UdpSocket::bind(("0.0.0.0", 0))?;
        socket.connect(("192.0.2.1", 9))?;
        Ok(socket.local_addr()?.ip().to_string())
    };
    local().unwrap_or_else(|_| "127.0.0.1".to_owned())
}
