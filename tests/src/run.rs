//! Running the supervisor under watch: output, time, memory, and what it leaves behind.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::confinement::Confinement;
use crate::namespace::Namespace;
use crate::paths;
use crate::processes::{Process, processes_naming};

/// How long output may stay open after the supervisor has ended.
const DRAIN: Duration = Duration::from_secs(3);

/// How long an imitated sandbox may take to end after its runtime.
const SANDBOX_END: Duration = Duration::from_secs(8);

/// A supervisor about to be started; see [`crate::Sandbox::launch`].
#[derive(Debug)]
pub struct Launch {
    directory: PathBuf,
    confinement: Option<Confinement>,
    program: Vec<OsString>,
    arguments: Vec<OsString>,
    variables: BTreeMap<String, OsString>,
    stdin: Vec<u8>,
    limit: Duration,
}

impl Launch {
    pub(crate) fn new(directory: &Path, variables: BTreeMap<String, OsString>) -> Self {
        let limit = Duration::from_mins(1);
        Self {
            directory: directory.to_path_buf(),
            confinement: None,
            program: vec![paths::supervisor().into()],
            arguments: Vec::new(),
            variables,
            stdin: Vec::new(),
            limit,
        }
    }

    /// Starts it inside an imitation of Lambda's sandbox.
    pub(crate) fn confined(mut self, confinement: Confinement) -> Self {
        self.confinement = Some(confinement);
        self
    }

    /// Changes that imitation.
    #[must_use]
    pub fn confinement(mut self, change: impl FnOnce(Confinement) -> Confinement) -> Self {
        let confinement = self
            .confinement
            .take()
            .expect("it starts in a sandbox of Lambda's kind");
        self.confinement = Some(change(confinement));
        self
    }

    /// Starts it by another command, which is given its arguments.
    #[must_use]
    pub fn through(mut self, command: Vec<OsString>) -> Self {
        self.program = command;
        self
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(
            arguments
                .into_iter()
                .map(|argument| argument.as_ref().to_owned()),
        );
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.variables
            .insert(name.to_owned(), value.as_ref().to_owned());
        self
    }

    /// Takes a variable out of its environment.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.variables.remove(name);
        self
    }

    /// What it reads from standard input.
    #[must_use]
    pub fn stdin(mut self, content: impl Into<Vec<u8>>) -> Self {
        self.stdin = content.into();
        self
    }

    /// How long it may take by the wall clock: 60 seconds unless said here.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs it to its end.
    pub fn run(self) -> Finished {
        self.start().wait()
    }

    /// Starts it.
    pub fn start(self) -> Running {
        let words = self.confinement.iter().flat_map(Confinement::words);
        let words: Vec<OsString> = words.chain(self.program).chain(self.arguments).collect();
        let mut child = Command::new(&words[0])
            .args(&words[1..])
            .env_clear()
            .envs(&self.variables)
            .current_dir(self.directory.join("work"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the supervisor starts");
        // The supervisor may end without having read it all.
        let _ = child.stdin.take().unwrap().write_all(&self.stdin);
        let stdout = Stream::collect(child.stdout.take().unwrap());
        let stderr = Stream::collect(child.stderr.take().unwrap());
        let outer = child.id().cast_signed();
        let inside = self.confinement.and_then(|_| Namespace::of(outer));
        let (namespace, pid) = inside.map_or((None, outer), |(it, pid)| (Some(it), pid));
        Running {
            child,
            namespace,
            pid,
            stdout,
            stderr,
            directory: self.directory,
            limit: self.limit,
            started: Instant::now(),
            peak_kib: 0,
        }
    }
}

/// What has come out of a pipe so far, and whether its end has been seen.
#[derive(Debug, Default)]
struct Stream {
    state: Mutex<(Vec<u8>, bool)>,
    changed: Condvar,
}

impl Stream {
    /// Reads a pipe to its end on a thread of its own.
    fn collect(mut pipe: impl Read + Send + 'static) -> Arc<Self> {
        let stream = Arc::new(Self::default());
        let writer = Arc::clone(&stream);
        std::thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            loop {
                let count = pipe.read(&mut buffer).unwrap_or(0);
                let mut state = writer.state.lock().unwrap();
                state.0.extend_from_slice(&buffer[..count]);
                state.1 = count == 0;
                writer.changed.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        stream
    }

    /// Waits until `enough` of the content (its second argument tells whether it is whole), or for as long as `patience`.
    fn wait(&self, patience: Duration, enough: impl Fn(&[u8], bool) -> bool) -> bool {
        let state = self.state.lock().unwrap();
        let (state, _) = self
            .changed
            .wait_timeout_while(state, patience, |state| !enough(&state.0, state.1))
            .unwrap();
        enough(&state.0, state.1)
    }

    fn content(&self) -> Vec<u8> {
        self.state.lock().unwrap().0.clone()
    }
}

/// A supervisor that has been started.
#[derive(Debug)]
pub struct Running {
    child: Child,
    namespace: Option<Namespace>,
    pid: i32,
    stdout: Arc<Stream>,
    stderr: Arc<Stream>,
    directory: PathBuf,
    limit: Duration,
    started: Instant,
    peak_kib: u64,
}

impl Running {
    /// Its process number, on this machine.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// The processes of the sandbox of Lambda's kind that it runs in.
    pub fn namespace(&self) -> &Namespace {
        self.namespace
            .as_ref()
            .expect("it has started in a sandbox of Lambda's kind")
    }

    /// What has been started by it and runs: in a sandbox of Lambda's kind all but the platform's own.
    pub fn others(&self) -> Vec<Process> {
        if let Some(namespace) = &self.namespace {
            return namespace.others();
        }
        let mut others = processes_naming(&self.directory);
        others.retain(|process| process.pid != self.pid);
        others
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).unwrap();
    }

    /// Whether it is still there; also takes note of its memory.
    pub fn is_running(&mut self) -> bool {
        self.sample_memory();
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits until its standard output holds `text`.
    pub fn wait_for_stdout(&mut self, text: &str) {
        self.wait_for(&Arc::clone(&self.stdout), text);
    }

    /// Waits until its standard error holds `text`.
    pub fn wait_for_stderr(&mut self, text: &str) {
        self.wait_for(&Arc::clone(&self.stderr), text);
    }

    fn wait_for(&mut self, stream: &Stream, text: &str) {
        let needle = text.as_bytes();
        let found =
            |content: &[u8], _| content.windows(needle.len()).any(|window| window == needle);
        if !stream.wait(self.limit, found) {
            self.give_up(&format!("it never says {text:?}"));
        }
    }

    /// Waits for its end, and for the end of its output.
    pub fn wait(mut self) -> Finished {
        let status = loop {
            self.sample_memory();
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if self.started.elapsed() > self.limit {
                self.give_up(&format!("the supervisor still runs after {:?}", self.limit));
            }
            std::thread::sleep(Duration::from_millis(3));
        };
        let took = self.started.elapsed();
        for stream in [Arc::clone(&self.stdout), Arc::clone(&self.stderr)] {
            if !stream.wait(DRAIN, |_, whole| whole) {
                self.give_up("the supervisor has ended, but its output is still held open");
            }
        }
        Finished {
            status,
            stdout: self.stdout.content(),
            stderr: self.stderr.content(),
            took,
            peak_kib: self.peak_kib,
        }
    }

    /// Ends everything of this sandbox and fails the test with what was said so far.
    fn give_up(&mut self, why: &str) -> ! {
        let left = processes_naming(&self.directory);
        let _ = self.child.kill();
        for process in &left {
            process.kill();
        }
        let _ = self.child.wait();
        let (stdout, stderr) = (tail(&self.stdout.content()), tail(&self.stderr.content()));
        panic!("{why}\nprocesses: {left:#?}\nstdout: {stdout}\nstderr: {stderr}");
    }

    /// The kernel keeps the highest value itself, so looking now and then misses only what comes after the last look.
    fn sample_memory(&mut self) {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line
            .and_then(|line| line.trim().strip_suffix(" kB"))
            .and_then(|number| number.trim().parse().ok());
        self.peak_kib = self.peak_kib.max(kib.unwrap_or(0));
    }
}

impl Drop for Running {
    /// An imitated sandbox goes with its handle. What is left in it is reported first, if the runtime has ended by itself.
    fn drop(&mut self) {
        let Some(namespace) = &self.namespace else {
            return;
        };
        let asked = Instant::now();
        let ended = |child: &mut Child| matches!(child.try_wait(), Ok(Some(_)) | Err(_));
        while !ended(&mut self.child) && asked.elapsed() < SANDBOX_END {
            let runs = namespace.all().contains(&self.pid);
            if runs || namespace.others().is_empty() && namespace.extension().is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(3));
        }
        // The first process goes with the outer one, and everything with the first.
        let _ = self.child.kill();
        let _ = self.child.wait();
        while !namespace.all().is_empty() && asked.elapsed() < SANDBOX_END {
            std::thread::sleep(Duration::from_millis(3));
        }
    }
}

/// A supervisor that has ended.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
    /// How long it ran.
    pub took: Duration,
    /// Its largest resident memory, in KiB.
    pub peak_kib: u64,
}

impl Finished {
    /// Its exit code; a test whose supervisor was killed by a signal fails here.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| {
            panic!(
                "ended by signal {:?}: {}",
                self.status.signal(),
                self.stderr()
            )
        })
    }

    /// Its standard output as text.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Its standard error as text.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Its standard output, which must be one JSON object (`--json`).
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| {
            panic!(
                "standard output is no JSON ({error}): {}\n{}",
                self.stdout(),
                self.stderr()
            )
        })
    }

    /// Fails unless it ended with `code`, showing what it said.
    #[track_caller]
    pub fn expect_code(&self, code: i32) -> &Self {
        assert_eq!(
            self.code(),
            code,
            "exit code\nstdout: {}\nstderr: {}",
            tail(&self.stdout),
            tail(&self.stderr)
        );
        self
    }

    /// Fails unless standard error holds `text`.
    #[track_caller]
    pub fn expect_stderr(&self, text: &str) -> &Self {
        assert!(
            self.stderr().contains(text),
            "standard error does not say {text:?}:\n{}",
            tail(&self.stderr)
        );
        self
    }
}

/// The end of an output, for a message.
pub(crate) fn tail(content: &[u8]) -> String {
    String::from_utf8_lossy(&content[content.len().saturating_sub(4000)..]).into_owned()
}
