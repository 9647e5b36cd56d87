//! The process environment as a value: read once at start-up, here and nowhere else.
//!
//! Everything below `main` gets an [`Environment`]; nothing ever changes the process's own, so
//! one invocation cannot leak a variable into the next.

pub mod end_signals;
pub mod limits;
mod names;
mod pause;

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

pub use self::{
    limits::{Limits, Stop},
    names::*,
    pause::pause,
};
use config::AwsCredentials;

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
pub enum Platform {
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
        self.platform() == Platform::Lambda && self.get(AWS_EXECUTION_ENV) == Some(IMAGE_FUNCTION)
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
    pub fn platform(&self) -> Platform {
        if self.get(AWS_LAMBDA_RUNTIME_API).is_some() {
            Platform::Lambda
        } else {
            Platform::Terminal
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
