//! The outer process during a run: takes samples, passes signals on, and enforces the limits that the kernel cannot.
//!
//! Memory is one of those: a control group would count the files of the function's `/tmp`, which are in this machine's
//! memory and on Lambda on a disk.

use std::{
    os::unix::process::ExitStatusExt as _,
    process::ExitStatus,
    time::{Duration, Instant},
};

use nix::{
    sys::{
        prctl::set_child_subreaper,
        signal::{Signal, kill},
        wait::{WaitPidFlag, waitpid},
    },
    unistd::Pid,
};
use tokio::process::Child;

use environment::end_signals::EndSignals;

use super::{
    Function,
    processes::{self, Process},
    scratch::{Kind, Scratch},
    usage::Usage,
};

const MIB: u64 = 1024 * 1024;
/// How often `/tmp` is measured, which is cheap.
const TICK: Duration = Duration::from_millis(5);
/// How often processes are measured, at most.
const LONG_TICK: Duration = Duration::from_millis(20);
/// Pause after a measurement of the processes, as a multiple of the time it took.
const SHARE: u32 = 5;
/// How much longer than its timeout a function may run here: start and end take longer than on the platform.
const LENIENCE: Duration = Duration::from_millis(500);
/// Longest wait for killed processes to end.
const PATIENCE: Duration = Duration::from_secs(2);
/// Exit codes of a run that was stopped from here.
const FAILED: i32 = 1;
const TIMED_OUT: i32 = 124;

/// Makes orphans of the run children of this process, which sees them there. On Lambda they are children of pid 1, which
/// does not reap them. Neither does this process before the end.
pub(super) fn adopt_orphans() {
    let _not_permitted = set_child_subreaper(true);
}

/// Watches the inner process to its end, and kills what it leaves. Returns the exit code.
///
/// # Errors
/// The operating system's.
pub(super) async fn to_the_end(
    mut child: Child,
    function: Function,
    scratch: &Scratch,
    signals: &mut EndSignals,
) -> anyhow::Result<(i32, Usage)> {
    let mut watch = Watch::new(&child, function, scratch);
    let mut due = watch.begun;
    let status = loop {
        watch.look_at_tmp();
        let begun = Instant::now();
        if begun >= due {
            watch.look_at_processes();
            due = Instant::now() + LONG_TICK.max(begun.elapsed() * SHARE);
        }
        tokio::select! {
            status = child.wait() => break status?,
            signal = signals.next() => watch.send(signal),
            () = tokio::time::sleep(TICK) => {}
        }
    };
    watch.usage.time = watch.begun.elapsed();
    kill_what_is_left().await;
    Ok((watch.code(status), watch.usage))
}

struct Watch<'a> {
    child: Option<Pid>,
    begun: Instant,
    function: Function,
    scratch: &'a Scratch,
    usage: Usage,
    /// The process that was killed for its memory, until that is free again.
    dying: Option<i32>,
    /// The exit code of a run that was stopped from here.
    forced: Option<i32>,
}

impl<'a> Watch<'a> {
    fn new(child: &Child, function: Function, scratch: &'a Scratch) -> Self {
        let child = child.id().map(|id| Pid::from_raw(id.cast_signed()));
        Self {
            child,
            begun: Instant::now(),
            function,
            scratch,
            usage: Usage::default(),
            dying: None,
            forced: None,
        }
    }

    fn send(&self, signal: Signal) {
        let _gone = self.child.map(|child| kill(child, signal));
    }

    fn look_at_processes(&mut self) {
        let all = processes::descendants(std::process::id().cast_signed());
        let threads = all.iter().map(|process| process.threads).sum();
        let files = all.iter().map(Process::open_files).max().unwrap_or(0);
        self.usage.processes = self.usage.processes.max(threads);
        self.usage.open_files = self.usage.open_files.max(files);
        self.look_at_memory(&all);
        self.look_at_the_clock(&all);
    }

    /// Kills the largest process when all of them together have more than the function, as the kernel does it there.
    fn look_at_memory(&mut self, all: &[Process]) {
        let resident: u64 = all.iter().map(|process| process.resident).sum();
        let limit = u64::from(self.function.memory) * MIB;
        // The exact number takes longer to find out, and is never higher.
        if resident <= self.usage.memory.min(limit) {
            return;
        }
        let used = all.iter().map(Process::memory).sum();
        self.usage.memory = self.usage.memory.max(used);
        let still_dying = |pid| all.iter().any(|p| p.pid == pid && p.resident > 0);
        if used <= limit || self.dying.is_some_and(still_dying) {
            return;
        }
        let Some(largest) = all.iter().max_by_key(|process| process.resident) else {
            return;
        };
        let program = largest.program();
        let _gone = kill(Pid::from_raw(largest.pid), Signal::SIGKILL);
        self.dying = Some(largest.pid);
        self.usage.stopped.push(format!(
            "OutOfMemory: {} MB in use of {} MB; the largest process, {program} with {} MB, was ended as on Lambda (signal: killed): raise memory",
            used.div_ceil(MIB),
            self.function.memory,
            largest.resident.div_ceil(MIB)
        ));
    }

    /// Stops the run when its `/tmp` is fuller than it may be, where no file system prevents that.
    fn look_at_tmp(&mut self) {
        let used = self.scratch.used();
        self.usage.tmp = self.usage.tmp.max(used);
        let fits = used <= u64::from(self.function.tmp) * MIB;
        if fits || self.scratch.kind() == Kind::Mounted || self.forced.is_some() {
            return;
        }
        self.forced = Some(FAILED);
        self.send(Signal::SIGTERM);
        self.usage.stopped.push(format!(
            "/tmp: {} MB in use of {} MB, the run was stopped; on Lambda a write fails with \"No space left on device\": raise ephemeral_storage",
            used.div_ceil(MIB),
            self.function.tmp
        ));
    }

    /// Ends everything when the function's time is over, as the platform does it.
    fn look_at_the_clock(&mut self, all: &[Process]) {
        if self.begun.elapsed() < self.function.timeout + LENIENCE {
            return;
        }
        for process in all {
            let _gone = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
        }
        if self.forced != Some(TIMED_OUT) {
            self.forced = Some(TIMED_OUT);
            self.usage.stopped.push(format!(
                "Task timed out after {:.2} seconds: everything was killed, as on Lambda; raise timeout or container.timeout_threshold",
                self.function.timeout.as_secs_f64()
            ));
        }
    }

    fn code(&self, status: ExitStatus) -> i32 {
        let own = status.code();
        let signal = || status.signal().map(|signal| 128 + signal);
        self.forced.or(own).or_else(signal).unwrap_or(FAILED)
    }
}

/// Kills every process of the run that is left.
async fn kill_what_is_left() {
    let begun = Instant::now();
    loop {
        let left = processes::descendants(std::process::id().cast_signed());
        for process in &left {
            let _gone = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
        }
        let any = Some(WaitPidFlag::WNOHANG);
        while waitpid(None, any).is_ok_and(|status| status.pid().is_some()) {}
        if left.is_empty() || begun.elapsed() > PATIENCE {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_has_too_much_memory_is_killed_though_more_has_been_in_use_before() {
        let directory = tempfile::tempdir().unwrap();
        let scratch = Scratch::at(directory.path());
        let function = Function {
            memory: 0,
            tmp: 512,
            timeout: Duration::from_mins(1),
            threshold: Duration::ZERO,
        };
        let mut child = tokio::process::Command::new("sleep")
            .arg("60")
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut watch = Watch::new(&child, function, &scratch);
        watch.usage.memory = 1 << 40;
        // The kernel counts a process's pages on each processor by itself and adds the counts up late: 0 at first.
        let patience = Instant::now() + PATIENCE;
        while watch.usage.stopped.is_empty() && Instant::now() < patience {
            let mut all = processes::descendants(std::process::id().cast_signed());
            all.retain(|process| Some(process.pid) == watch.child.map(Pid::as_raw));
            watch.look_at_memory(&all);
        }
        assert_eq!(watch.usage.stopped.len(), 1);
        let ended = child.wait().await.unwrap();
        assert_eq!(ended.signal(), Some(Signal::SIGKILL as i32));
    }
}
