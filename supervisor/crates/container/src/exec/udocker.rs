//! Starts udocker commands: below a shim, with a deadline, their own output kept apart.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use nix::errno::Errno;

use rootfs::free_bytes;

use crate::{
    engine::{init_copy::InitCopy, settings::UdockerSettings},
    error::ContainerError,
    exec::process::Running,
    shim::{
        launch_spec::{CommandSpec, EngineSpec, FirstProcess, LaunchSpec, Variables},
        overlay::{OverlayMount, RunLinks},
        process_tree::Neighbours,
    },
};
use environment::Limits;

/// Starts udocker commands and counts them.
#[derive(Debug, Clone)]
pub struct Udocker {
    settings: Arc<UdockerSettings>,
    commands: Arc<AtomicUsize>,
    init: Arc<InitCopy>,
}

impl Udocker {
    /// Nothing is started or checked yet.
    pub fn new(settings: UdockerSettings) -> Self {
        Self {
            settings: Arc::new(settings),
            commands: Arc::default(),
            init: Arc::default(),
        }
    }

    /// What this udocker is.
    pub fn settings(&self) -> &UdockerSettings {
        &self.settings
    }

    /// The copy of this binary that containers may see, made below `temp` when there is none.
    ///
    /// # Errors
    /// The operating system's, from copying.
    pub fn init_copy(&self, temp: Option<&Path>) -> std::io::Result<PathBuf> {
        let temp = temp.unwrap_or(Path::new("/tmp"));
        self.init.path(&self.settings.supervisor, temp)
    }

    /// How many commands have been started.
    pub fn commands(&self) -> usize {
        self.commands.load(Ordering::Relaxed)
    }

    /// The whole command line of a udocker command.
    pub fn command_line(&self, arguments: &[OsString]) -> Vec<OsString> {
        [self.settings.launcher.as_slice(), arguments].concat()
    }

    /// The launch spec of a udocker command. `variables` come on top of the settings' environment; `grace` is from SIGTERM to
    /// SIGKILL.
    ///
    /// # Errors
    /// [`ContainerError::NoUdocker`] when there is no launcher.
    pub fn launch_spec(
        &self,
        arguments: &[OsString],
        temp: &Path,
        variables: &BTreeMap<OsString, OsString>,
        grace: Duration,
    ) -> Result<LaunchSpec, ContainerError> {
        let exec = self.settings.launcher_path();
        if !exec.is_file() {
            return Err(ContainerError::NoUdocker { path: exec });
        }
        let mut all = BTreeMap::from([("UDOCKER_TMP".into(), temp.into())]);
        for set in [&self.settings.environment, variables] {
            all.extend(set.iter().map(|(n, v)| (n.clone(), v.clone())));
        }
        let line = self.command_line(arguments);
        self.commands.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(command = ?line, "udocker starts");
        Ok(LaunchSpec {
            engine_spec: EngineSpec {
                first: FirstProcess::Inside,
                handoff: PathBuf::new(),
                neighbours: Neighbours::of(self.settings.platform),
                variables: all,
                line,
            },
            command_spec: CommandSpec {
                grace,
                run_links: RunLinks::default(),
                variables: Variables::new(),
                argv: Vec::new(),
            },
        })
    }

    /// Runs a preparing command to its end and checks its exit status; tells what it printed.
    ///
    /// # Errors
    /// [`ContainerError::Step`] when it failed, [`ContainerError::NoSpace`] when it filled the disk, [`ContainerError::Stopped`] at the deadline.
    pub async fn step(
        &self,
        step: &'static str,
        image: &str,
        arguments: &[OsString],
        temp: &Path,
        limits: &Limits,
    ) -> Result<String, ContainerError> {
        if let Some(why) = limits.reached_now() {
            let image = image.to_owned();
            return Err(ContainerError::Stopped { why, step, image });
        }
        let spec = self.launch_spec(arguments, temp, &BTreeMap::new(), limits.grace)?;
        let mut running =
            Running::start(&self.settings.supervisor, &OverlayMount::default(), &spec)?;
        let finished = tokio::select! {
            status = running.ended() => Ok(status),
            why = limits.reached() => Err(why),
        };
        let status = match finished {
            Ok(status) => status,
            Err(why) => {
                running.stop().await;
                let image = image.to_owned();
                return Err(ContainerError::Stopped { why, step, image });
            }
        };
        let status = status.map_err(ContainerError::io(format!("wait for udocker {step}")))?;
        let message = running.messages.text();
        tracing::debug!(step, %status, message, "udocker ended");
        if status.success() && !failed_all_the_same(step, &message) {
            return Ok(message);
        }
        if let Some(free) = self.full_disk(&message) {
            return Err(ContainerError::NoSpace {
                step,
                image: image.to_owned(),
                path: self.settings.store.clone(),
                needed: None,
                free,
            });
        }
        Err(ContainerError::Step {
            step,
            image: image.to_owned(),
            status: status.to_string(),
            hint: hint(step),
            message,
        })
    }
}

/// Less than this, in bytes, and a failed step has filled the disk whatever it says: the smallest layer is larger.
const FULL: u64 = 256 * 1024;

impl Udocker {
    /// The bytes that are free, if it was for want of them that a step failed. Not every step says so.
    fn full_disk(&self, message: &str) -> Option<u64> {
        let free = free_bytes(&self.settings.store).ok()?;
        let said = [Errno::ENOSPC, Errno::EDQUOT]
            .iter()
            .any(|errno| message.contains(errno.desc()));
        (said || free < FULL).then_some(free)
    }
}

/// `create` and `setup` exit with 0 when unpacking a layer fails (udocker 1.3.17).
fn failed_all_the_same(step: &str, message: &str) -> bool {
    matches!(step, "create" | "setup") && message.lines().any(|line| line.starts_with("Error:"))
}

fn hint(step: &str) -> &'static str {
    match step {
        "pull" => {
            "; check the name and tag, that the registry can be reached (UDOCKER_REGISTRY names a mirror), and that the image is public or udocker is logged in"
        }
        "load" => "; the archive must be one that `docker save` wrote (or an OCI archive)",
        "setup" => {
            "; choose another container.execmode, or check that UDOCKER_LIB and UDOCKER_BIN hold the engines"
        }
        _ => "",
    }
}
