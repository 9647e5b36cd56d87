//! Stops everything in a sandbox between two invocations, as the platform does, and lets it go on.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::namespace::Namespace;

/// Where the freezer of the first version of cgroups is.
const FREEZER: &str = "/sys/fs/cgroup/freezer";
/// Where the second version is, alone or beside the first.
const UNIFIED: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
/// How long the kernel may take to stop everything.
const PATIENCE: Duration = Duration::from_secs(5);

/// How processes are stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FreezeBy {
    /// By the kernel's freezer, or by signals where there is none that may be used.
    Cgroup,
    /// By signals: each is sent SIGSTOP.
    Signals,
}

/// Everything in a sandbox, stopped; dropping it lets all go on.
#[derive(Debug)]
pub(crate) struct Frozen {
    cgroup: Option<Cgroup>,
    namespace: Namespace,
}

/// A control group of the test's own.
#[derive(Debug)]
struct Cgroup {
    directory: PathBuf,
    parent: PathBuf,
    file: &'static str,
    words: [&'static str; 2],
}

impl Frozen {
    /// Stops everything in `namespace`.
    pub(crate) fn freeze(namespace: &Namespace, by: FreezeBy) -> Self {
        let cgroup = match by {
            FreezeBy::Cgroup => Cgroup::make(),
            FreezeBy::Signals => None,
        };
        match &cgroup {
            Some(cgroup) => {
                cgroup.take_in(namespace);
                cgroup.freeze();
            }
            None => stop_by_signals(namespace),
        }
        let namespace = namespace.clone();
        Self { cgroup, namespace }
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        // A control group does it itself.
        if self.cgroup.is_none() {
            signal_all(&self.namespace, Signal::SIGCONT);
        }
    }
}

impl Drop for Cgroup {
    /// Lets everything go on, and out of it, and removes it.
    fn drop(&mut self) {
        let _ = self.write(self.words[1]);
        let asked = Instant::now();
        while fs::remove_dir(&self.directory).is_err() && asked.elapsed() < PATIENCE {
            for pid in self.members() {
                let _ = fs::write(self.parent.join("cgroup.procs"), pid.to_string());
            }
            sleep(Duration::from_millis(1));
        }
    }
}

impl Cgroup {
    fn make() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "faas-tests-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let cgroup = |parent: &str, file, words| {
            let directory = Path::new(parent).join(&name);
            fs::create_dir(&directory).ok()?;
            let made = Self {
                directory,
                parent: parent.into(),
                file,
                words,
            };
            made.directory.join(file).exists().then_some(made)
        };
        let first = cgroup(FREEZER, "freezer.state", ["FROZEN", "THAWED"]);
        let unified = || {
            let mut found = UNIFIED.into_iter();
            found.find_map(|parent| cgroup(parent, "cgroup.freeze", ["1", "0"]))
        };
        first.or_else(unified)
    }

    /// Moves every process in, and those that they start meanwhile.
    fn take_in(&self, namespace: &Namespace) {
        let asked = Instant::now();
        loop {
            let members = self.members();
            let mut missing = namespace.all();
            missing.retain(|pid| !members.contains(pid));
            if missing.is_empty() {
                return;
            }
            assert!(asked.elapsed() < PATIENCE, "not to be moved: {missing:?}");
            for pid in missing {
                // It may have ended.
                let _ = fs::write(self.directory.join("cgroup.procs"), pid.to_string());
            }
        }
    }

    fn members(&self) -> Vec<i32> {
        let text = fs::read_to_string(self.directory.join("cgroup.procs")).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }

    fn write(&self, word: &str) -> io::Result<()> {
        fs::write(self.directory.join(self.file), word)
    }

    fn freeze(&self) {
        let asked = Instant::now();
        loop {
            // Again and again: the first version passes over one that is just going to sleep until its child has started.
            self.write(self.words[0]).unwrap();
            let state = fs::read_to_string(self.directory.join(self.file)).unwrap();
            let events = fs::read_to_string(self.directory.join("cgroup.events"));
            let frozen = match events {
                Ok(events) => events.contains("frozen 1"),
                Err(_) => state.trim() == self.words[0],
            };
            if frozen {
                return;
            }
            assert!(asked.elapsed() < PATIENCE, "it does not freeze: {state}");
            sleep(Duration::from_millis(1));
        }
    }
}

fn stop_by_signals(namespace: &Namespace) {
    signal_all(namespace, Signal::SIGSTOP);
    let stopped = |pid: &i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat.rsplit(')').next().unwrap_or_default();
        // One that waits for a child to start (D) does so for as long as that is stopped.
        stat.is_empty() || state.trim_start().starts_with(['T', 'Z', 'D'])
    };
    let asked = Instant::now();
    while !namespace.all().iter().all(stopped) && asked.elapsed() < PATIENCE {
        signal_all(namespace, Signal::SIGSTOP);
        sleep(Duration::from_millis(1));
    }
}

fn signal_all(namespace: &Namespace, signal: Signal) {
    for pid in namespace.all() {
        let _ = kill(Pid::from_raw(pid), signal);
    }
}
