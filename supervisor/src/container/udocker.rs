//! Starts udocker commands: below a keeper, with a deadline, their own output kept apart.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use nix::{sys::signal::kill, unistd::Pid};
use tokio::{
    io::AsyncReadExt,
    net::unix::pipe,
    process::{Child, Command},
};

use super::{ContainerError, Limits, init_copy::InitCopy, keeper, role, settings::UdockerSettings};

/// How much of a command's own messages is kept, in bytes.
const MESSAGE_LIMIT: usize = 8 * 1024;
/// The keeper is given this long beyond the grace before its tree is killed over its head.
const KEEPER_LIMIT: Duration = Duration::from_secs(6);

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

    /// Starts a command; `variables` come on top of the settings' environment.
    ///
    /// # Errors
    /// [`ContainerError::NoUdocker`] when there is no launcher, [`ContainerError::Io`] when the
    /// process could not be made.
    pub fn start(
        &self,
        arguments: &[OsString],
        temp: &Path,
        variables: BTreeMap<OsString, OsString>,
        limits: &Limits,
    ) -> Result<Running, ContainerError> {
        let line = self.command_line(arguments);
        let exec = self.launcher_path();
        if !exec.is_file() {
            return Err(ContainerError::NoUdocker { path: exec });
        }
        let (messages, writer) = message_pipe().map_err(ContainerError::io("make a pipe"))?;
        let copy = writer
            .try_clone()
            .map_err(ContainerError::io("make a pipe"))?;
        let mut command = Command::new(&self.settings.supervisor);
        command
            .arg0(role::KEEPER)
            // A terminal's Ctrl-C is for the supervisor, which then stops the keeper in order.
            .process_group(0)
            .arg(limits.grace.as_millis().to_string())
            .arg(std::process::id().to_string())
            .args(&line)
            .env_clear()
            .env("UDOCKER_TMP", temp)
            .envs(&self.settings.environment)
            .envs(variables)
            .stdin(Stdio::null())
            .stdout(writer)
            .stderr(copy);
        let child = command.spawn().map_err(ContainerError::io(format!(
            "start {}",
            self.settings.supervisor.display()
        )))?;
        self.commands.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(command = ?line, "udocker started");
        Ok(Running {
            child,
            grace: limits.grace,
            messages: Messages {
                pipe: messages,
                kept: Vec::new(),
            },
        })
    }

    fn launcher_path(&self) -> PathBuf {
        let launcher = &self.settings.launcher;
        let flag = launcher.last().is_some_and(|last| last == "--allow-root");
        let at = launcher.len().saturating_sub(1 + usize::from(flag));
        launcher.get(at).map(PathBuf::from).unwrap_or_default()
    }

    /// Runs a preparing command to its end and checks its exit status; tells what it printed.
    ///
    /// # Errors
    /// [`ContainerError::Step`] when it failed, [`ContainerError::Stopped`] at the deadline.
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
        let mut running = self.start(arguments, temp, BTreeMap::new(), limits)?;
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
        Err(ContainerError::Step {
            step,
            image: image.to_owned(),
            status: status.to_string(),
            hint: hint(step),
            message,
        })
    }
}

/// `create` and `setup` exit with 0 when unpacking a layer fails (udocker 1.3.17).
fn failed_all_the_same(step: &str, message: &str) -> bool {
    matches!(step, "create" | "setup") && message.lines().any(|line| line.starts_with("Error:"))
}

fn message_pipe() -> std::io::Result<(pipe::Receiver, OwnedFd)> {
    let (sender, receiver) = pipe::pipe()?;
    Ok((receiver, sender.into_blocking_fd()?))
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

/// A udocker command and its keeper.
#[derive(Debug)]
pub struct Running {
    child: Child,
    grace: Duration,
    /// What udocker itself says.
    pub messages: Messages,
}

impl Running {
    /// Waits for the end, collecting messages meanwhile. Safe to call again after cancellation.
    ///
    /// # Errors
    /// The operating system's, from waiting.
    pub async fn ended(&mut self) -> std::io::Result<ExitStatus> {
        loop {
            tokio::select! {
                status = self.child.wait() => {
                    self.messages.drain();
                    return status;
                }
                () = self.messages.more() => {}
            }
        }
    }

    /// Sends the keeper an order.
    pub fn order(&self, signal: nix::sys::signal::Signal) {
        if let Some(pid) = self.pid() {
            let _gone_already = kill(pid, signal);
        }
    }

    /// Stops the tree politely and waits until nothing is left of it.
    pub async fn stop(&mut self) {
        self.order(keeper::STOP);
        self.finish(self.grace).await;
    }

    /// Waits for the keeper, which kills what is left after `patience`.
    pub async fn finish(&mut self, patience: Duration) -> Option<ExitStatus> {
        if let Ok(Ok(status)) = tokio::time::timeout(patience, self.ended()).await {
            return Some(status);
        }
        self.order(keeper::KILL);
        if let Ok(Ok(status)) = tokio::time::timeout(KEEPER_LIMIT, self.ended()).await {
            return Some(status);
        }
        self.kill_over_its_head().await
    }

    async fn kill_over_its_head(&mut self) -> Option<ExitStatus> {
        let pid = self.pid()?;
        let until = std::time::Instant::now() + Duration::from_secs(1);
        let left = super::process_tree::kill_descendants(pid, until, || {});
        tracing::warn!(left, "the container's processes did not end when told to");
        let _gone_already = self.child.start_kill();
        self.child.wait().await.ok()
    }

    fn pid(&self) -> Option<Pid> {
        i32::try_from(self.child.id()?).ok().map(Pid::from_raw)
    }
}

/// Dropped in mid-run (an invocation that is abandoned): the keeper clears up.
impl Drop for Running {
    fn drop(&mut self) {
        self.order(keeper::KILL);
    }
}

/// The end of what a udocker command printed about itself.
#[derive(Debug)]
pub struct Messages {
    pipe: pipe::Receiver,
    kept: Vec<u8>,
}

impl Messages {
    /// Completes when something was read; never once the pipe is closed.
    async fn more(&mut self) {
        let mut buffer = [0; 4096];
        match self.pipe.read(&mut buffer).await {
            Ok(read) if read > 0 => self.keep(&buffer[..read]),
            _ => std::future::pending().await,
        }
    }

    fn drain(&mut self) {
        let mut buffer = [0; 4096];
        while let Ok(read) = self.pipe.try_read(&mut buffer) {
            if read == 0 {
                return;
            }
            self.keep(&buffer[..read]);
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.kept.extend_from_slice(bytes);
        let excess = self.kept.len().saturating_sub(MESSAGE_LIMIT);
        self.kept.drain(..excess);
    }

    /// The messages as one text, without the blank lines.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.kept)
            .lines()
            .map(str::trim_end)
            .filter(|line| !line.is_empty())
            .collect::<Vec<_>>()
            .join("\n")
    }
}
