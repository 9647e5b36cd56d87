//! Starts a command below its shim, waits for it, stops it, and collects its messages.

use std::{
    io,
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream as StdStream, process::ExitStatusExt as _},
    },
    path::Path,
    process::ExitStatus,
    time::{Duration, Instant},
};

use nix::{
    sys::{
        prctl,
        signal::{Signal, kill},
    },
    unistd::Pid,
};
use tokio::{
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    process::{Child, Command},
    sync::oneshot,
};

use super::{messages::Messages, reports::Reports};
use crate::{
    error::ContainerError,
    off_thread::{self, off_thread},
    shim::{
        argv0,
        launch_spec::{LaunchSpec, Variables},
        overlay::OverlayMount,
        process_tree::{Lineage, Moment, Tree, collect_adopted},
        proot_files::remove_files_of,
        supervision,
    },
};

/// The shim is given this long beyond the grace before its tree is killed over its head. The answer waits for that, and the time
/// kept back for it may be seconds.
const SHIM_LIMIT: Duration = Duration::from_secs(1);

/// Killing over the shim's head takes three steps, each at most this long.
const KILLED_WITHIN: Duration = Duration::from_millis(500);

/// A command and its shim.
#[derive(Debug)]
pub struct Running {
    child: Child,
    /// The shim's standard input. It ends with this process, and that is how the shim learns of it.
    lifeline: Option<OwnedWriteHalf>,
    /// What comes back through it, until somebody takes it.
    reports: Option<OwnedReadHalf>,
    /// The part of the launch spec that the shim has not taken yet.
    unsent: Vec<u8>,
    /// What the run's processes are recognized by.
    run: Option<Run>,
    /// Kills what a killed shim has left; how many processes that were.
    clearing: Option<oneshot::Receiver<usize>>,
    grace: Duration,
    /// What the command says that is not the container's output.
    pub messages: Messages,
}

/// What clearing up behind a shim needs.
#[derive(Debug)]
struct Run {
    lineage: Lineage,
    /// The engine's.
    variables: Variables,
}

impl Running {
    /// Starts a shim, which `supervisor`'s file plays, with the mount of `overlay`. The shim takes `spec` while [`Self::ended`]
    /// waits for its end.
    ///
    /// # Errors
    /// [`ContainerError::Io`] when no pipe or process could be made.
    pub fn start(
        supervisor: &Path,
        overlay: &OverlayMount,
        spec: &LaunchSpec,
    ) -> Result<Self, ContainerError> {
        let began = Moment::now();
        let mut running = Self::start_shim(supervisor, overlay, spec.command_spec.grace)?;
        running.unsent = spec.encode();
        running.run = Some(Run {
            lineage: Lineage {
                supervisor: Pid::this(),
                shim: running.pid().unwrap_or(NOBODY),
                leader: None,
                directory: spec.engine_spec.run_directory().to_owned(),
                root: overlay.root_of_one_run().to_owned(),
                began,
                before: None,
                neighbours: spec.engine_spec.neighbours,
            },
            variables: spec.engine_spec.variables.clone(),
        });
        Ok(running)
    }

    /// Starts a shim that gets no launch spec: it mounts the overlay, and ends.
    ///
    /// # Errors
    /// [`ContainerError::Io`] when no pipe or process could be made.
    pub fn start_without_spec(
        supervisor: &Path,
        overlay: &OverlayMount,
        grace: Duration,
    ) -> Result<Self, ContainerError> {
        let mut running = Self::start_shim(supervisor, overlay, grace)?;
        running.lifeline = None;
        running.reports = None;
        Ok(running)
    }

    fn start_shim(
        supervisor: &Path,
        overlay: &OverlayMount,
        grace: Duration,
    ) -> Result<Self, ContainerError> {
        let no_pipe = || ContainerError::io("make a pipe to the shim (pipe2)");
        let no_socket = || ContainerError::io("make a pair of sockets to the shim (socketpair)");
        // Where this is allowed, what a killed shim leaves becomes ours, and nobody else can have it.
        let _denied = prctl::set_child_subreaper(true);
        let (messages, writer) = Messages::pipe().map_err(no_pipe())?;
        let copy = writer.try_clone().map_err(no_pipe())?;
        let (ours, theirs) = StdStream::pair().map_err(no_socket())?;
        ours.set_nonblocking(true).map_err(no_socket())?;
        let ours = UnixStream::from_std(ours).map_err(no_socket())?;
        let (reports, lifeline) = ours.into_split();
        let mut command = Command::new(supervisor);
        command
            .arg0(argv0::SHIM)
            // A terminal's Ctrl-C is for the supervisor, which then stops the shim in order.
            .process_group(0)
            .arg(std::process::id().to_string())
            .args(overlay.arguments())
            .env_clear()
            .stdin(OwnedFd::from(theirs))
            .stdout(writer)
            .stderr(copy);
        let child = command.spawn().map_err(ContainerError::io(format!(
            "start {}",
            supervisor.display()
        )))?;
        Ok(Self {
            child,
            lifeline: Some(lifeline),
            reports: Some(reports),
            unsent: Vec::new(),
            run: None,
            clearing: None,
            grace,
            messages,
        })
    }

    /// Sends the launch spec and collects messages until the shim ends. Safe to call again after cancellation.
    ///
    /// # Errors
    /// The operating system's, from waiting.
    pub async fn ended(&mut self) -> io::Result<ExitStatus> {
        loop {
            tokio::select! {
                status = self.child.wait() => {
                    self.messages.drain();
                    if let Ok(status) = &status && status.signal().is_some() {
                        self.clear_behind_the_shim().await;
                    }
                    return status;
                }
                () = self.messages.more() => {}
                () = send(&mut self.lifeline, &mut self.unsent), if !self.unsent.is_empty() => {}
            }
        }
    }

    /// The shim's reports. They can be taken once.
    pub fn take_reports(&mut self) -> Reports {
        Reports::of(self.reports.take())
    }

    /// Gives the shim an order. The container may have stopped it: it goes on to obey.
    fn order(&self, order: Signal) {
        self.signal(order);
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid() {
            let _gone_already = kill(pid, signal);
        }
    }

    /// Stops the tree politely and waits until nothing is left of it.
    pub async fn stop(&mut self) {
        self.order(supervision::STOP);
        self.finish(self.grace).await;
    }

    /// Waits for the shim, which kills what is left after `patience`.
    pub async fn finish(&mut self, patience: Duration) -> Option<ExitStatus> {
        if let Ok(Ok(status)) = tokio::time::timeout(patience, self.ended()).await {
            return Some(status);
        }
        self.order(supervision::KILL);
        if let Ok(Ok(status)) = tokio::time::timeout(SHIM_LIMIT, self.ended()).await {
            return Some(status);
        }
        self.kill_over_its_head().await
    }

    async fn kill_over_its_head(&mut self) -> Option<ExitStatus> {
        let pid = self.pid()?;
        let killed = kill_below(pid).await;
        let _gone_already = self.child.start_kill();
        // A process that waits for a dead disk does not even die.
        let ended = tokio::time::timeout(KILLED_WITHIN, self.child.wait()).await;
        tracing::warn!(killed, "the container's processes did not end when told to");
        self.clear_behind_the_shim().await;
        ended.ok()?.ok()
    }

    /// Kills what is left of a run whose shim was killed: by the container, as it may be, or by us.
    async fn clear_behind_the_shim(&mut self) {
        // Once: what comes later under the shim's number is another process.
        if let Some(run) = self.run.take() {
            self.clearing = Some(off_thread::start(move || {
                let mut tree = Tree::of(run.lineage);
                let killed = tree.kill(Instant::now() + KILLED_WITHIN, collect_adopted);
                remove_files_of(&killed, &run.variables);
                killed.len()
            }));
        }
        // Whoever is cancelled in between waits for the same work the next time.
        let Some(clearing) = &mut self.clearing else {
            return;
        };
        let cleared = clearing.await;
        self.clearing = None;
        match cleared {
            Ok(0) => {}
            Ok(killed) => tracing::warn!(
                killed,
                "the container's shim was killed; what it looked after is gone, too"
            ),
            Err(error) => tracing::error!(%error, "cannot kill what the container left running"),
        }
    }

    fn pid(&self) -> Option<Pid> {
        i32::try_from(self.child.id()?).ok().map(Pid::from_raw)
    }
}

/// Kills the processes below a shim, off the thread that watches deadlines; how many those were.
async fn kill_below(shim: Pid) -> usize {
    let until = Instant::now() + KILLED_WITHIN;
    let kill = move || Ok(Tree::below(shim, shim).kill(until, || {}).len());
    off_thread(kill).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot kill what the container left running");
        0
    })
}

/// Sends what the shim takes at once. A shim that has ended takes nothing, and its messages say why. A shim that cannot get all of
/// its launch spec finds the end of its standard input, and ends.
async fn send(lifeline: &mut Option<OwnedWriteHalf>, unsent: &mut Vec<u8>) {
    let Some(open) = lifeline else {
        return unsent.clear();
    };
    let sent = open.writable().await.and_then(|()| open.try_write(unsent));
    match sent {
        Ok(sent) => drop(unsent.drain(..sent)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        Err(_ended) => {
            unsent.clear();
            *lifeline = None;
        }
    }
}

/// No process has this number (proc(5), `pid_max`).
const NOBODY: Pid = Pid::from_raw(i32::MAX);

/// Dropped in mid-run (an invocation that is abandoned): the shim clears up.
impl Drop for Running {
    fn drop(&mut self) {
        self.order(supervision::KILL);
    }
}
