//! A command below its keeper: started, waited for, told to stop, listened to.

use std::{
    collections::BTreeSet,
    io,
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream as StdStream, process::ExitStatusExt as _},
    },
    path::Path,
    process::ExitStatus,
    time::{Duration, Instant},
};

use nix::{sys::signal::kill, unistd::Pid};
use tokio::{
    net::UnixStream,
    process::{Child, Command},
};

use super::{
    ContainerError, argv0,
    engine::proot::remove_files_of,
    keeper,
    messages::Messages,
    off_thread::off_thread,
    order::{Order, Variables},
    process_tree::{Lineage, Moment, Tree},
    stage::Stage,
};

/// The keeper is given this long beyond the grace before its tree is killed over its head.
const KEEPER_LIMIT: Duration = Duration::from_secs(6);

/// A process that is killed while it mounts is gone within this.
const KILLED_WITHIN: Duration = Duration::from_secs(1);

/// A command and its keeper.
#[derive(Debug)]
pub struct Running {
    child: Child,
    /// The keeper's standard input. It ends with this process, and that is how the keeper learns of it; the keeper says there
    /// that nothing of the run is left.
    lifeline: Option<UnixStream>,
    /// What the keeper has not taken yet of its order.
    unsent: Vec<u8>,
    /// What the keeper is told to run, as far as its processes can be told by it.
    run: Option<Run>,
    /// When the keeper was started.
    began: Moment,
    grace: Duration,
    /// What the command says that is not the container's output.
    pub messages: Messages,
}

/// What clearing up behind a keeper needs.
#[derive(Debug)]
struct Run {
    lineage: Lineage,
    /// The engine's.
    variables: Variables,
}

impl Running {
    /// Starts a keeper, which `supervisor`'s file plays, on the `stage`. It takes its order while its end is waited for.
    ///
    /// # Errors
    /// [`ContainerError::Io`] when no pipe or process could be made.
    pub fn start(supervisor: &Path, stage: &Stage, order: &Order) -> Result<Self, ContainerError> {
        let mut running = Self::start_keeper(supervisor, stage, order.errand.grace)?;
        running.unsent = order.encode();
        running.run = Some(Run {
            lineage: Lineage {
                supervisor: Pid::this(),
                shim: running.pid().unwrap_or(NOBODY),
                leader: None,
                directory: order.start.run_directory().to_owned(),
                root: stage.root_of_one_run().to_owned(),
                began: running.began,
                before: None,
                neighbours: order.start.neighbours,
            },
            variables: order.start.variables.clone(),
        });
        Ok(running)
    }

    /// Starts a keeper that gets no order: it sets the stage, and ends.
    ///
    /// # Errors
    /// [`ContainerError::Io`] when no pipe or process could be made.
    pub fn start_without_order(
        supervisor: &Path,
        stage: &Stage,
        grace: Duration,
    ) -> Result<Self, ContainerError> {
        let mut running = Self::start_keeper(supervisor, stage, grace)?;
        running.lifeline = None;
        Ok(running)
    }

    fn start_keeper(
        supervisor: &Path,
        stage: &Stage,
        grace: Duration,
    ) -> Result<Self, ContainerError> {
        let no_pipe = || ContainerError::io("make a pipe");
        let (messages, writer) = Messages::pipe().map_err(no_pipe())?;
        let copy = writer.try_clone().map_err(no_pipe())?;
        let (lifeline, theirs) = StdStream::pair().map_err(no_pipe())?;
        lifeline.set_nonblocking(true).map_err(no_pipe())?;
        let lifeline = UnixStream::from_std(lifeline).map_err(no_pipe())?;
        let mut command = Command::new(supervisor);
        command
            .arg0(argv0::KEEPER)
            // A terminal's Ctrl-C is for the supervisor, which then stops the keeper in order.
            .process_group(0)
            .arg(std::process::id().to_string())
            .args(stage.arguments())
            .env_clear()
            .stdin(OwnedFd::from(theirs))
            .stdout(writer)
            .stderr(copy);
        let began = Moment::now();
        let child = command.spawn().map_err(ContainerError::io(format!(
            "start {}",
            supervisor.display()
        )))?;
        Ok(Self {
            child,
            lifeline: Some(lifeline),
            unsent: Vec::new(),
            run: None,
            began,
            grace,
            messages,
        })
    }

    /// Waits for the end, giving the order and collecting messages meanwhile. Safe to call again after cancellation.
    ///
    /// # Errors
    /// The operating system's, from waiting.
    pub async fn ended(&mut self) -> io::Result<ExitStatus> {
        loop {
            tokio::select! {
                status = self.child.wait() => {
                    self.messages.drain();
                    if let Ok(status) = &status && status.signal().is_some() {
                        self.clear_behind_the_keeper().await;
                    }
                    return status;
                }
                () = self.messages.more() => {}
                () = send(self.lifeline.as_ref(), &mut self.unsent), if !self.unsent.is_empty() => {}
            }
        }
    }

    /// Sends the keeper a signal.
    fn signal(&self, signal: nix::sys::signal::Signal) {
        if let Some(pid) = self.pid() {
            let _gone_already = kill(pid, signal);
        }
    }

    /// Stops the tree politely and waits until nothing is left of it.
    pub async fn stop(&mut self) {
        self.signal(keeper::STOP);
        self.finish(self.grace).await;
    }

    /// Waits for the keeper, which kills what is left after `patience`.
    pub async fn finish(&mut self, patience: Duration) -> Option<ExitStatus> {
        if let Ok(Ok(status)) = tokio::time::timeout(patience, self.ended()).await {
            return Some(status);
        }
        self.signal(keeper::KILL);
        if let Ok(Ok(status)) = tokio::time::timeout(KEEPER_LIMIT, self.ended()).await {
            return Some(status);
        }
        self.kill_over_its_head().await
    }

    /// Waits for the keeper's word that nothing is left, or for its end as [`Self::finish`] does. No status where it is only
    /// known that nothing is left.
    pub async fn gone_or_ended(&mut self, patience: Duration) -> Option<ExitStatus> {
        let lifeline = self.lifeline.take();
        tokio::select! {
            () = is_gone(lifeline.as_ref()) => None,
            status = self.finish(patience) => status,
        }
    }

    async fn kill_over_its_head(&mut self) -> Option<ExitStatus> {
        let pid = self.pid()?;
        let killed = kill_tree(move || Tree::below(pid, pid)).await;
        let _gone_already = self.child.start_kill();
        // A process that waits for a dead disk does not even die.
        let ended = tokio::time::timeout(KILLED_WITHIN, self.child.wait()).await;
        let killed = killed.len();
        tracing::warn!(killed, "the container's processes did not end when told to");
        self.clear_behind_the_keeper().await;
        ended.ok()?.ok()
    }

    /// Kills what is left of a run whose keeper was killed: by the container, as it may be, or by us.
    async fn clear_behind_the_keeper(&mut self) {
        // Once: what comes later under the keeper's number is another process.
        let Some(run) = self.run.take() else { return };
        let killed = kill_tree(move || Tree::of(run.lineage)).await;
        remove_files_of(&killed, &run.variables);
        if !killed.is_empty() {
            let killed = killed.len();
            tracing::warn!(
                killed,
                "the container's shim was killed; what it looked after is gone, too"
            );
        }
    }

    fn pid(&self) -> Option<Pid> {
        i32::try_from(self.child.id()?).ok().map(Pid::from_raw)
    }
}

/// Completes when the keeper has said it; never where it cannot.
async fn is_gone(lifeline: Option<&UnixStream>) {
    if let Some(lifeline) = lifeline {
        while lifeline.readable().await.is_ok() {
            match lifeline.try_read(&mut [0; keeper::GONE.len()]) {
                Ok(1..) => return,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(0) | Err(_) => break,
            }
        }
    }
    std::future::pending::<()>().await;
}

/// Kills a tree, looking again until nothing is left, off the thread that watches deadlines.
async fn kill_tree(tree: impl FnOnce() -> Tree + Send + 'static) -> BTreeSet<Pid> {
    let kill = move || Ok(tree().kill(Instant::now() + KILLED_WITHIN, || {}));
    off_thread(kill).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot kill what the container left running");
        BTreeSet::new()
    })
}

/// Sends what the keeper takes at once. To one that has ended, nothing can be sent: it says why.
async fn send(lifeline: Option<&UnixStream>, unsent: &mut Vec<u8>) {
    let Some(lifeline) = lifeline else {
        return unsent.clear();
    };
    match lifeline
        .writable()
        .await
        .and_then(|()| lifeline.try_write(unsent))
    {
        Ok(sent) => drop(unsent.drain(..sent)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        Err(_ended) => unsent.clear(),
    }
}

/// No process has this number (proc(5), `pid_max`).
const NOBODY: Pid = Pid::from_raw(i32::MAX);

/// Dropped in mid-run (an invocation that is abandoned): the keeper clears up.
impl Drop for Running {
    fn drop(&mut self) {
        self.signal(keeper::KILL);
    }
}
