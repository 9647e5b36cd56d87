//! A command below its keeper: started, waited for, told to stop, listened to.

use std::{
    io::{self, Write},
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream as StdStream, process::ExitStatusExt as _},
    },
    path::{Path, PathBuf},
    process::ExitStatus,
    time::{Duration, Instant},
};

use nix::{sys::signal::kill, unistd::Pid};
use tokio::{
    io::AsyncReadExt,
    net::{UnixStream, unix::pipe},
    process::{Child, Command},
};

use super::{
    ContainerError,
    engine::proot::remove_files_of,
    keeper,
    order::{Order, Start, Variables},
    pause::pause,
    process_tree::{Lineage, Moment, Tree},
    role,
    stage::Stage,
};

/// How much of a command's own messages is kept, in bytes.
const MESSAGE_LIMIT: usize = 8 * 1024;
/// The keeper is given this long beyond the grace before its tree is killed over its head.
const KEEPER_LIMIT: Duration = Duration::from_secs(6);

/// A keeper without an order is given this long to end, and what it started.
const DISMISSED_WITHIN: Duration = Duration::from_secs(1);
/// An order is a few kilobytes: whoever does not take it in this time is stopped.
const TOLD_WITHIN: Duration = Duration::from_secs(2);
/// A process that is killed while it mounts is gone within this.
const KILLED_WITHIN: Duration = Duration::from_secs(1);

/// A keeper that has no order yet; without one it ends when this is dropped.
#[derive(Debug)]
pub struct Waiting {
    child: Child,
    input: StdStream,
    messages: Messages,
    /// What it has been told.
    started: Started,
    /// When it was started.
    began: Moment,
    /// See [`Stage::root_of_one_run`].
    root: PathBuf,
}

/// Whether a keeper knows how the container starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Started {
    Told,
    NotYet,
}

impl Waiting {
    /// Starts a keeper, which `supervisor`'s file plays, on the `stage`.
    ///
    /// # Errors
    /// [`ContainerError::Io`] when no pipe or process could be made.
    pub fn start(supervisor: &Path, stage: &Stage) -> Result<Self, ContainerError> {
        let no_pipe = || ContainerError::io("make a pipe");
        let (messages, writer) = message_pipe().map_err(no_pipe())?;
        let copy = writer.try_clone().map_err(no_pipe())?;
        let (input, theirs) = StdStream::pair().map_err(no_pipe())?;
        input
            .set_write_timeout(Some(TOLD_WITHIN))
            .map_err(no_pipe())?;
        let mut command = Command::new(supervisor);
        command
            .arg0(role::KEEPER)
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
        let messages = Messages {
            pipe: messages,
            kept: Vec::new(),
        };
        Ok(Self {
            child,
            input,
            messages,
            started: Started::NotYet,
            began,
            root: stage.root_of_one_run().to_owned(),
        })
    }

    /// Tells it how the container starts, as far as it can do that without knowing what runs.
    ///
    /// # Errors
    /// [`ContainerError::Io`] when it cannot be told.
    pub fn begin(&mut self, start: &Start) -> Result<(), ContainerError> {
        self.started = Started::Told;
        self.input
            .write_all(&start.encode())
            .map_err(ContainerError::io("tell the keeper how to start"))
    }

    /// Whether it is there still.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends it and what it started, and waits for the end.
    pub fn dismiss(self) {
        let Self {
            mut child, input, ..
        } = self;
        drop(input);
        let mut gone_by = |until: Instant| {
            while matches!(child.try_wait(), Ok(None)) {
                if Instant::now() >= until {
                    let _gone_already = child.start_kill();
                    return false;
                }
                pause(Duration::from_micros(200));
            }
            true
        };
        let _second_time_killed =
            gone_by(Instant::now() + DISMISSED_WITHIN) || gone_by(Instant::now() + KILLED_WITHIN);
    }

    /// Tells it what to run.
    ///
    /// # Errors
    /// [`ContainerError::Io`] when it cannot be told.
    pub fn order(mut self, order: &Order) -> Result<Running, ContainerError> {
        let Order { start, errand } = order;
        let start = match self.started {
            Started::Told => Vec::new(),
            Started::NotYet => start.encode(),
        };
        let told = self.input.write_all(&[start, errand.encode()].concat());
        match told {
            // One that could not set the stage has ended, and says why.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(ContainerError::io("tell the keeper what to run")(error))
            }
            Ok(()) | Err(_) => self
                .running(errand.grace, Some(order.start.clone()))
                .map_err(ContainerError::io("listen to the keeper")),
        }
    }

    /// Without anything to run: it ends as soon as it finds that out.
    ///
    /// # Errors
    /// The operating system's.
    pub fn without_order(self, grace: Duration) -> io::Result<Running> {
        let mut running = self.running(grace, None)?;
        running.lifeline = None;
        Ok(running)
    }

    fn running(self, grace: Duration, start: Option<Start>) -> io::Result<Running> {
        self.input.set_nonblocking(true)?;
        Ok(Running {
            run: start.map(|start| Run {
                lineage: Lineage {
                    supervisor: Pid::this(),
                    shim: pid(&self.child).unwrap_or(NOBODY),
                    leader: None,
                    directory: start.run_directory().to_owned(),
                    root: self.root,
                    began: self.began,
                    before: None,
                    neighbours: start.neighbours,
                },
                variables: start.variables,
            }),
            child: self.child,
            lifeline: Some(UnixStream::from_std(self.input)?),
            grace,
            messages: self.messages,
        })
    }
}

/// A command and its keeper.
#[derive(Debug)]
pub struct Running {
    child: Child,
    /// The keeper's standard input. It ends with this process, and that is how the keeper learns of it; the keeper says there
    /// that nothing of the run is left.
    lifeline: Option<UnixStream>,
    /// What the keeper has been told to run, as far as its processes can be told by it.
    run: Option<Run>,
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
    /// Waits for the end, collecting messages meanwhile. Safe to call again after cancellation.
    ///
    /// # Errors
    /// The operating system's, from waiting.
    pub async fn ended(&mut self) -> io::Result<ExitStatus> {
        loop {
            tokio::select! {
                status = self.child.wait() => {
                    self.messages.drain();
                    if let Ok(status) = &status && status.signal().is_some() {
                        self.clear_behind_the_keeper();
                    }
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
        let killed = Tree::below(pid, pid).kill(Instant::now() + KILLED_WITHIN, || {});
        let _gone_already = self.child.start_kill();
        // A process that waits for a dead disk does not even die.
        let ended = tokio::time::timeout(KILLED_WITHIN, self.child.wait()).await;
        let killed = killed.len();
        tracing::warn!(killed, "the container's processes did not end when told to");
        self.clear_behind_the_keeper();
        ended.ok()?.ok()
    }

    /// Kills what is left of a run whose keeper was killed: by the container, as it may be, or by us.
    fn clear_behind_the_keeper(&mut self) {
        // Once: what comes later under the keeper's number is another process.
        let Some(run) = self.run.take() else { return };
        let killed = Tree::of(run.lineage).kill(Instant::now() + KILLED_WITHIN, || {});
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
        pid(&self.child)
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

/// No process has this number (proc(5), `pid_max`).
const NOBODY: Pid = Pid::from_raw(i32::MAX);

fn pid(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()?).ok().map(Pid::from_raw)
}

fn message_pipe() -> io::Result<(pipe::Receiver, OwnedFd)> {
    let (sender, receiver) = pipe::pipe()?;
    Ok((receiver, sender.into_blocking_fd()?))
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
