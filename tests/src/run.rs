//! Running the supervisor under watch: output, time, memory, and what it leaves behind.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::finished::{Finished, tail};
use crate::namespace::Namespace;
use crate::processes::{Process, processes_naming};
use crate::stream::Stream;

/// How long output may stay open after the supervisor has ended.
const DRAIN: Duration = Duration::from_secs(3);

/// How long an imitated sandbox may take to end after its runtime.
const SANDBOX_END: Duration = Duration::from_secs(8);

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
    /// Starts a command that belongs to a sandbox's `directory`; `confined` says that it is `lambda-sandbox`.
    pub(crate) fn start(
        mut command: Command,
        stdin: &[u8],
        directory: PathBuf,
        limit: Duration,
        confined: bool,
    ) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the supervisor starts");
        // The supervisor may end without having read it all.
        let _ = child.stdin.take().unwrap().write_all(stdin);
        let stdout = Stream::collect(child.stdout.take().unwrap());
        let stderr = Stream::collect(child.stderr.take().unwrap());
        let outer = child.id().cast_signed();
        let inside = confined.then(|| Namespace::of(outer)).flatten();
        let (namespace, pid) = inside.map_or((None, outer), |(it, pid)| (Some(it), pid));
        Self {
            child,
            namespace,
            pid,
            stdout,
            stderr,
            directory,
            limit,
            started: Instant::now(),
            peak_kib: 0,
        }
    }

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
    pub(crate) fn give_up(&mut self, why: &str) -> ! {
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
