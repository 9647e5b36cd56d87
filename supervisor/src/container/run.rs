//! Runs one container: exactly one udocker command, its output pumped live, its end observed from
//! the inside (see [`super::init`]), everything it started gone afterwards.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io,
    os::unix::{ffi::OsStrExt, fs::OpenOptionsExt},
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};

use nix::sys::stat::Mode;
use tokio::{io::AsyncReadExt, net::unix::pipe, time::Instant};

use crate::{plan::Variable, workspace::RecordDir};

use super::{
    ContainerCommand, ContainerError, Limits, Prepared, Stop, clean,
    command::{Family, Volumes, is_runc, run_arguments},
    executable::{self, Linkage},
    init,
    log::{Keep, LogFile, LogPump, LogSink, Stream},
    role,
    settings::UdockerSettings,
    store::Store,
    udocker::{Running, Udocker},
};

/// udocker may take this long to end after the container did; what the container left running
/// keeps some engines waiting for ever.
const AFTER_THE_END: Duration = Duration::from_millis(400);
/// Bytes read from a pipe at once (a pipe holds 64 KiB, pipe(7)).
const READ_SIZE: usize = 64 * 1024;

/// What one run needs to know.
#[derive(Debug)]
pub struct RunRequest<'a> {
    /// The container.
    pub prepared: &'a Prepared,
    /// Its directories; the script and the event file are in place.
    pub record: &'a RecordDir,
    /// What runs in it.
    pub command: ContainerCommand,
    /// Its variables.
    pub variables: &'a [Variable],
    /// Whether `/var/task` is bound.
    pub task_root: Option<&'a Path>,
    /// When it is stopped.
    pub limits: Limits,
    /// How much of its output is kept.
    pub keep: Keep,
}

/// How a container ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// By itself, with this status.
    Exited(i32),
    /// By a signal, its own or the system's.
    Killed(i32),
    /// It was stopped at the deadline.
    TimedOut,
    /// It was stopped because the supervisor was told to, by this signal.
    Cancelled(i32),
}

/// What a run produced, beside its files.
#[derive(Debug)]
pub struct RunReport {
    /// How it ended.
    pub end: RunEnd,
    /// What it printed.
    pub log: LogFile,
    /// How long it took.
    pub elapsed: Duration,
}

/// Runs the container to its end, to the deadline or until it is cancelled.
///
/// # Errors
/// [`ContainerError`] when it did not start; how it ended is in the report.
pub async fn run(
    udocker: &Udocker,
    request: RunRequest<'_>,
    temp: &Path,
    sink: &mut dyn LogSink,
) -> Result<RunReport, ContainerError> {
    let started = Instant::now();
    let argv = request.command.argv(&request.prepared.command);
    check_executable(&request, &argv)?;
    let handoff = request.record.handoff();
    let pipes = Pipes::make(&handoff, &argv, request.variables)
        .map_err(ContainerError::io(format!("prepare {}", handoff.display())))?;
    let init = init_file(udocker.settings(), &request, temp)
        .map_err(ContainerError::io("share the container's first process"))?;
    let arguments = arguments(&init, &request);
    let variables = handoff_variables(udocker.settings(), &request, temp)
        .map_err(ContainerError::io("prepare the container's first process"))?;
    let store = Store::new(udocker.settings());
    // Another supervisor may be clearing up behind its run at this moment; that takes no time.
    let in_use = store.use_container(&request.prepared.name).ok();
    let mut running = udocker.start(&arguments, temp, variables, &request.limits)?;
    let log = LogFile::new(request.record.log(), request.keep);
    let mut attended = Attended {
        pump: LogPump::new(sink, log),
        pipes,
        status: Vec::new(),
    };
    let over = attended.attend(&mut running, &request).await;
    attended
        .pipes
        .drain(&mut attended.pump, &mut attended.status);
    let reported = parse_status(&attended.status);
    let log = attended.pump.finish();
    let record = request.record.root();
    drop(in_use);
    let alone = store.own_container(&request.prepared.name);
    let last = match alone {
        Some(_) => clean::Last::Yes,
        None => clean::Last::No,
    };
    clean::after_run(request.prepared, record, last);
    drop(alone);
    let end = match over {
        Over::Stopped(Stop::Deadline) => RunEnd::TimedOut,
        Over::Stopped(Stop::Cancelled(signal)) => RunEnd::Cancelled(signal),
        Over::Ended(status) => match reported {
            Some(end) => end,
            None => return Err(never_started(&request, status, &running)),
        },
    };
    Ok(RunReport {
        end,
        log,
        elapsed: started.elapsed(),
    })
}

/// Refuses what would run on the host's root, see [`executable`].
fn check_executable(request: &RunRequest<'_>, argv: &[OsString]) -> Result<(), ContainerError> {
    let Some(program) = argv.first() else {
        let image = request.prepared.name.clone();
        return Err(ContainerError::NoCommand { image });
    };
    let (Family::Preload, Some(mode)) = (Family::of(request.prepared.mode), request.prepared.mode)
    else {
        return Ok(());
    };
    let root = request.prepared.directory.join("ROOT");
    let search = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let found = executable::find(&root, Path::new(program), search);
    match found.map(|path| executable::linkage(&path)) {
        Some(Ok(Linkage::Static)) => Err(ContainerError::StaticInPreloadMode {
            program: program.into(),
            image: request.prepared.name.clone(),
            mode: mode.to_string(),
        }),
        _ => Ok(()),
    }
}

/// The arguments of the one udocker command of this run.
fn arguments(init: &Path, request: &RunRequest<'_>) -> Vec<OsString> {
    let volumes = Volumes {
        record: request.record.root(),
        task_root: request.task_root,
        supervisor: init,
    };
    run_arguments(
        &request.prepared.name,
        request.prepared.mode,
        &volumes,
        &request.command,
        Path::exists,
    )
}

/// This binary, as the mode can bind it.
fn init_file(
    settings: &UdockerSettings,
    request: &RunRequest<'_>,
    temp: &Path,
) -> io::Result<PathBuf> {
    if !is_runc(request.prepared.mode) {
        return Ok(settings.supervisor.clone());
    }
    let file = temp.join("init").join(role::INIT_NAME);
    if !file.exists() {
        std::fs::create_dir_all(temp.join("init"))?;
        std::fs::hard_link(&settings.supervisor, &file)
            .or_else(|_other_file_system| std::fs::copy(&settings.supervisor, &file).map(drop))?;
    }
    Ok(file)
}

/// F modes find this binary as `env`, and it finds the handoff through udocker's environment.
fn handoff_variables(
    settings: &UdockerSettings,
    request: &RunRequest<'_>,
    temp: &Path,
) -> io::Result<BTreeMap<OsString, OsString>> {
    let mut variables = BTreeMap::new();
    if Family::of(request.prepared.mode) == Family::Inside {
        return Ok(variables);
    }
    let shims = temp.join("bin");
    std::fs::create_dir_all(&shims)?;
    let link = shims.join(role::ENV);
    if !link.exists() {
        std::os::unix::fs::symlink(&settings.supervisor, link)?;
    }
    let mut path = shims.into_os_string();
    if let Some(rest) = settings.environment.get(std::ffi::OsStr::new("PATH")) {
        path.push(":");
        path.push(rest);
    }
    variables.insert("PATH".into(), path);
    let handoff = request.record.handoff().into_os_string();
    variables.insert(init::HANDOFF_VARIABLE.into(), handoff);
    let shared = request.record.root().as_os_str().to_owned();
    variables.insert(init::SHARED_VARIABLE.into(), shared);
    Ok(variables)
}

fn never_started(
    request: &RunRequest<'_>,
    status: Option<ExitStatus>,
    running: &Running,
) -> ContainerError {
    ContainerError::Step {
        step: "run",
        image: request.prepared.name.clone(),
        status: status.map_or_else(|| "killed".to_owned(), |s| s.to_string()),
        message: running.messages.text(),
        hint: "; the container's command did not start",
    }
}

/// `exit N` or `signal N`, as [`super::init`] writes it.
fn parse_status(line: &[u8]) -> Option<RunEnd> {
    let (kind, number) = std::str::from_utf8(line).ok()?.trim().split_once(' ')?;
    let number = number.parse().ok()?;
    match kind {
        "exit" => Some(RunEnd::Exited(number)),
        "signal" => Some(RunEnd::Killed(number)),
        _ => None,
    }
}

/// Why the run is over.
enum Over {
    Ended(Option<ExitStatus>),
    Stopped(Stop),
}

/// The named pipes of the handoff, from the supervisor's side. Opened for reading and writing, so
/// that no end is seen while the container has not opened them yet (fifo(7)).
struct Pipes {
    stdout: pipe::Receiver,
    stderr: pipe::Receiver,
    status: pipe::Receiver,
}

impl Pipes {
    fn make(handoff: &Path, argv: &[OsString], variables: &[Variable]) -> io::Result<Self> {
        let words = argv.iter().map(|word| word.as_bytes().to_vec());
        write_terminated(&handoff.join("argv"), words)?;
        let assignments = variables
            .iter()
            .map(|v| format!("{}={}", v.name, v.value).into_bytes());
        write_terminated(&handoff.join("env"), assignments)?;
        let open = |name: &str| {
            let path = handoff.join(name);
            nix::unistd::mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR)?;
            pipe::OpenOptions::new()
                .read_write(true)
                .open_receiver(path)
        };
        Ok(Self {
            stdout: open("stdout")?,
            stderr: open("stderr")?,
            status: open("status")?,
        })
    }

    /// Takes what is in the pipes by now.
    fn drain(&self, pump: &mut LogPump<'_>, status: &mut Vec<u8>) {
        let mut buffer = vec![0; READ_SIZE];
        for (stream, pipe) in [
            (Stream::Stdout, &self.stdout),
            (Stream::Stderr, &self.stderr),
        ] {
            while let Ok(read @ 1..) = pipe.try_read(&mut buffer) {
                pump.push(stream, &buffer[..read]);
            }
        }
        while let Ok(read @ 1..) = self.status.try_read(&mut buffer) {
            status.extend_from_slice(&buffer[..read]);
        }
    }
}

/// NUL-terminated, as nothing in an environment or an argument can hold a NUL.
fn write_terminated(path: &Path, items: impl Iterator<Item = Vec<u8>>) -> io::Result<()> {
    let mut bytes = Vec::new();
    for item in items {
        bytes.extend(item.into_iter().filter(|&b| b != 0));
        bytes.push(0);
    }
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    io::Write::write_all(&mut file, &bytes)
}

/// A run being looked after.
struct Attended<'a> {
    pump: LogPump<'a>,
    pipes: Pipes,
    status: Vec<u8>,
}

impl Attended<'_> {
    /// Until the container ends, the deadline comes or the supervisor is cancelled.
    async fn attend(&mut self, running: &mut Running, request: &RunRequest<'_>) -> Over {
        let stop = tokio::select! {
            status = running.ended() => return Over::Ended(status.ok()),
            () = self.pump_to_the_end() => None,
            stop = request.limits.reached() => Some(stop),
        };
        if let Some(stop) = stop {
            self.keep_pumping(running.stop()).await;
            return Over::Stopped(stop);
        }
        Over::Ended(self.keep_pumping(running.finish(AFTER_THE_END)).await)
    }

    /// Completes when the container's first process has told how the container ended.
    async fn pump_to_the_end(&mut self) {
        let (mut out, mut err) = (vec![0; READ_SIZE], vec![0; READ_SIZE]);
        let mut status = [0; 64];
        loop {
            tokio::select! {
                read = self.pipes.stdout.read(&mut out) =>
                    self.pump.push(Stream::Stdout, &out[..read.unwrap_or(0)]),
                read = self.pipes.stderr.read(&mut err) =>
                    self.pump.push(Stream::Stderr, &err[..read.unwrap_or(0)]),
                read = self.pipes.status.read(&mut status) => {
                    self.status.extend_from_slice(&status[..read.unwrap_or(0)]);
                    if self.status.ends_with(b"\n") {
                        return;
                    }
                }
            }
        }
    }

    /// Output goes on being read while the run is being ended, or it could not end.
    async fn keep_pumping<T>(&mut self, ending: impl Future<Output = T>) -> T {
        tokio::pin!(ending);
        loop {
            tokio::select! {
                ended = &mut ending => return ended,
                () = self.pump_to_the_end() => {}
            }
        }
    }
}
