//! Where udocker is and how it is started, decided once from the environment.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    str::FromStr,
};

use config::{Engine, UdockerMode};
use environment::{self as names, Environment, Platform};
use image::{
    StorePaths,
    registry::{CredentialFiles, RegistrySettings},
};
use net::Network;

use crate::engine::{EngineKind, files::EngineFiles};

/// The layer's launcher, and the default everywhere it exists (the default configuration's
/// `UDOCKER_EXEC`).
pub const LAYER_EXEC: &str = "/opt/udocker/udocker.py";
/// The default configuration's other `UDOCKER_*` values, used with the layer's launcher.
const LAYER_DEFAULTS: [(&str, &str); 3] = [
    ("UDOCKER_BIN", "/opt/udocker/bin/"),
    ("UDOCKER_LIB", "/opt/udocker/lib/"),
    (names::UDOCKER_DIR, "/tmp/shared/udocker"),
];

/// Everything that is the same for every udocker command.
#[derive(Debug, Clone)]
pub struct UdockerSettings {
    /// The launcher and what must precede it (an interpreter where it is not executable).
    pub launcher: Vec<OsString>,
    /// udocker's variables and the few others it needs.
    pub environment: BTreeMap<OsString, OsString>,
    /// What runs containers.
    pub runs: EngineKind,
    /// Where engines are.
    pub files: EngineFiles,
    /// The mode to run in.
    pub mode: UdockerMode,
    /// `UDOCKER_DIR`, for what the supervisor keeps beside the store.
    pub store: PathBuf,
    /// Where udocker keeps containers.
    pub containers: PathBuf,
    /// Where udocker keeps images.
    pub repos: PathBuf,
    /// Where udocker keeps what images are made of.
    pub layers: PathBuf,
    /// How images are pulled.
    pub registry: RegistrySettings,
    /// This program's file, for the parts it plays itself.
    pub supervisor: PathBuf,
    /// The function's package, bound when there is an extra payload.
    pub task_root: PathBuf,
    /// Where the supervisor runs. It decides whether layers go once the container exists, where the configuration does not
    /// say.
    pub platform: Platform,
    /// Whether more containers of the same image may be wanted.
    pub invocations: Invocations,
    /// Whether an overlay may keep a run's changes away from the image.
    pub overlay: Overlay,
}

/// How many invocations go on at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invocations {
    /// One after the other.
    OneByOne,
    /// Several (`AWS_LAMBDA_MAX_CONCURRENCY`).
    AtOnce,
}

impl Invocations {
    /// As the platform says.
    pub fn of(environment: &Environment) -> Self {
        let limit = environment.get(names::AWS_LAMBDA_MAX_CONCURRENCY);
        match limit.and_then(|limit| limit.parse::<u32>().ok()) {
            None | Some(0 | 1) => Self::OneByOne,
            Some(_) => Self::AtOnce,
        }
    }
}

/// Whether an overlay is mounted over a container's ROOT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlay {
    /// Where the kernel lets this process do it.
    WherePossible,
    /// Never (`FAAS_OVERLAY=off`).
    Never,
}

impl Overlay {
    fn of(environment: &Environment) -> Self {
        match environment.get(names::FAAS_OVERLAY) {
            Some("off") => Self::Never,
            _ => Self::WherePossible,
        }
    }
}

impl UdockerSettings {
    /// Applies the seed's defaults in Lambda, and finds an installed udocker elsewhere.
    ///
    /// `engine` is `container.engine`, `configured_mode` is `container.execmode`.
    pub fn new(
        environment: &Environment,
        engine: Engine,
        configured_mode: Option<UdockerMode>,
    ) -> Self {
        let platform = environment.platform();
        let exec = launcher(environment);
        let mut variables = environment.for_udocker();
        let has_layer = exec.as_path() == Path::new(LAYER_EXEC) && exec.is_file();
        if platform == Platform::Lambda || has_layer {
            for (name, value) in LAYER_DEFAULTS {
                variables.entry(name.into()).or_insert(value.into());
            }
        }
        // udocker wants a home even where it keeps nothing there.
        variables
            .entry("HOME".into())
            .or_insert_with(|| environment.temp_dir().into());
        let directory = |name: &str, default: PathBuf| {
            variables
                .get(OsStr::new(name))
                .map_or(default, PathBuf::from)
        };
        let home = directory("HOME", PathBuf::from("/"));
        let store = directory(names::UDOCKER_DIR, home.join(".udocker"));
        let containers = directory("UDOCKER_CONTAINERS", store.join("containers"));
        let repos = directory("UDOCKER_REPOS", store.join("repos"));
        let layers = directory("UDOCKER_LAYERS", store.join("layers"));
        Self {
            runs: EngineKind::choose(engine, environment, &exec),
            files: EngineFiles::new(&variables, &store, environment.find_on_path("proot")),
            launcher: command_line(environment, exec),
            mode: mode(environment, configured_mode),
            environment: variables,
            store,
            containers,
            repos,
            layers,
            registry: registry(environment, &home),
            supervisor: environment.own_binary(),
            task_root: environment.task_root(),
            platform,
            invocations: Invocations::of(environment),
            overlay: Overlay::of(environment),
        }
    }

    /// udocker's launcher, there or not.
    pub fn launcher_path(&self) -> PathBuf {
        let launcher = &self.launcher;
        let flag = launcher.last().is_some_and(|last| last == "--allow-root");
        let at = launcher.len().saturating_sub(1 + usize::from(flag));
        launcher.get(at).map(PathBuf::from).unwrap_or_default()
    }

    /// The parts of the store that images and containers are written to.
    pub fn store_paths(&self) -> StorePaths {
        StorePaths {
            repos: self.repos.clone(),
            layers: self.layers.clone(),
            containers: self.containers.clone(),
        }
    }
}

/// What `docker login` and `udocker login` have left is looked for where they leave it.
fn registry(environment: &Environment, home: &Path) -> RegistrySettings {
    let docker = environment.path(names::DOCKER_CONFIG);
    let docker = docker.unwrap_or_else(|| home.join(".docker"));
    let keystore = environment.path(names::UDOCKER_KEYSTORE);
    let keystore = keystore.unwrap_or_else(|| PathBuf::from("keystore"));
    RegistrySettings {
        mirror: environment.text(names::UDOCKER_REGISTRY),
        credentials: CredentialFiles {
            docker: Some(docker.join("config.json")),
            udocker: Some(home.join(".udocker").join(keystore)),
        },
        network: Network::of(environment),
    }
}

fn launcher(environment: &Environment) -> PathBuf {
    let layer = PathBuf::from(LAYER_EXEC);
    environment
        .path(names::UDOCKER_EXEC)
        .or_else(|| layer.is_file().then(|| layer.clone()))
        .or_else(|| environment.find_on_path("udocker"))
        .unwrap_or(layer)
}

fn command_line(environment: &Environment, exec: PathBuf) -> Vec<OsString> {
    let executable = nix::unistd::access(&exec, nix::unistd::AccessFlags::X_OK).is_ok();
    let python = environment.find_on_path("python3");
    let mut line: Vec<OsString> = match python {
        Some(python) if !executable && exec.is_file() => vec![python.into()],
        _ => Vec::new(),
    };
    line.push(exec.into());
    if nix::unistd::Uid::effective().is_root() {
        line.push("--allow-root".into());
    }
    line
}

/// Always said in so many words: udocker's own configuration file may have another default, and how
/// a container is started depends on the mode.
fn mode(environment: &Environment, configured: Option<UdockerMode>) -> UdockerMode {
    let default = environment.get(names::UDOCKER_DEFAULT_EXECUTION_MODE);
    configured
        .or_else(|| UdockerMode::from_str(default?).ok())
        .unwrap_or(match environment.platform() {
            // Only a preloaded library works there: ptrace and user namespaces are denied.
            Platform::Lambda => UdockerMode::F1,
            Platform::Terminal => UdockerMode::P1,
        })
}
