//! Finding the processes that belong to a directory, however they detached themselves.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Longest that a shim takes to end when nothing is left below it, on a busy machine.
const SHIMS_END: Duration = Duration::from_secs(2);
/// Longest that everything of a killed supervisor takes to end, the grace of two seconds included.
pub const KILLED_IN: Duration = Duration::from_secs(5);
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// A process found in `/proc`.
#[derive(Debug, Clone)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// Its number in the namespace it is in itself.
    pub inside: i32,
    /// Its command line, spaces between the arguments.
    pub command: String,
}

impl Process {
    /// Ends it without asking.
    pub fn kill(&self) {
        self.signal(Signal::SIGKILL);
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        // An error means that it has gone by itself.
        let _ = kill(Pid::from_raw(self.pid), signal);
    }
}

/// Processes that name `directory`: in their command line, environment, working directory, program or root, or in
/// their mounts. A container keeps at least one of these whatever it does to its session, parent or environment.
pub fn processes_naming(directory: &Path) -> Vec<Process> {
    let needle = directory
        .to_str()
        .expect("sandboxes have plain names")
        .as_bytes();
    let own = std::process::id().cast_signed();
    pids()
        .into_iter()
        .filter(|pid| *pid != own && names(*pid, needle))
        .map(describe)
        .collect()
}

/// What is left of a finished run: [`processes_naming`], but shims are given a moment. A shim says that nothing is left below it
/// before it ends itself. A process that ends between two looks at it has no command line: it is looked at once more, too.
pub(crate) fn left_behind(directory: &Path) -> Vec<Process> {
    let ending =
        |process: &Process| process.command.is_empty() || process.command.starts_with("faas-shim ");
    look_while(directory, SHIMS_END, |left| left.iter().all(ending))
}

/// Waits until nothing is left of a supervisor that was killed or is ending, for so long at most.
#[track_caller]
pub fn wait_until_gone(directory: &Path, within: Duration) {
    let left = look_while(directory, within, |_| true);
    assert!(left.is_empty(), "still there: {left:#?}");
}

/// Looks until nothing is there, or it is not worth to `wait` for what is, or the time is over: what is there then.
fn look_while(
    directory: &Path,
    within: Duration,
    wait: impl Fn(&[Process]) -> bool,
) -> Vec<Process> {
    let until = Instant::now() + within;
    loop {
        let left = processes_naming(directory);
        if left.is_empty() || !wait(&left) || Instant::now() >= until {
            return left;
        }
        sleep(LOOK);
    }
}

/// The command line of every process, as any user of the machine could read it.
pub fn command_lines() -> Vec<Vec<u8>> {
    pids()
        .into_iter()
        .filter_map(|pid| fs::read(format!("/proc/{pid}/cmdline")).ok())
        .collect()
}

pub(crate) fn pids() -> Vec<i32> {
    let entries = fs::read_dir("/proc").expect("/proc is there");
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}

pub(crate) fn describe(pid: i32) -> Process {
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let inside = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    let inside = inside.and_then(|numbers| numbers.split_whitespace().next_back()?.parse().ok());
    Process {
        pid,
        inside: inside.unwrap_or(pid),
        command: String::from_utf8_lossy(&command)
            .replace('\0', " ")
            .trim()
            .to_owned(),
    }
}

fn names(pid: i32, needle: &[u8]) -> bool {
    let links = ["cwd", "exe", "root"]
        .into_iter()
        .filter_map(|name| fs::read_link(format!("/proc/{pid}/{name}")).ok());
    let texts = ["cmdline", "environ"]
        .into_iter()
        .filter_map(|name| fs::read(format!("/proc/{pid}/{name}")).ok());
    links
        .into_iter()
        .map(|link| link.into_os_string().into_encoded_bytes())
        .chain(texts)
        .any(|text| contains(&text, needle))
        || foreign_mounts(pid).is_some_and(|mounts| contains(&mounts, needle))
}

/// The mounts of a process that has a mount namespace of its own, but for what a test mounted: that is in every namespace
/// made meanwhile.
fn foreign_mounts(pid: i32) -> Option<Vec<u8>> {
    let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/mnt")).ok();
    if namespace(&pid.to_string())? == namespace("self")? {
        return None;
    }
    let mounts = fs::read_to_string(format!("/proc/{pid}/mountinfo")).ok()?;
    let tests_own = [" - tmpfs none ", " - ext4 /dev/loop"];
    let own = mounts
        .lines()
        .filter(|line| !tests_own.iter().any(|mount| line.contains(mount)));
    Some(own.collect::<Vec<_>>().join("\n").into_bytes())
}

fn contains(text: &[u8], needle: &[u8]) -> bool {
    text.windows(needle.len()).any(|window| window == needle)
}
