//! The processes of one run, where orphans go to the machine's first process and not to the shim (`prctl(2)` is denied).
//!
//! A process can be the run's only when it started no earlier, and nothing that it descends from did. It is the run's then when
//! its parent is, when it is in a session or process group of the run, when the environment it was started with names the
//! run's directory, when it has one of the run's pipes open, when its program is a file of that directory or of a container
//! that nobody else runs, or when nothing else can have started it.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    time::Instant,
};

use nix::unistd::{Pid, Uid};

use super::{
    ancestry::{Ancestry, Found},
    known::{Lineage, Neighbours},
    processes::{Moment, Process, State},
};

/// Where external extensions are (Lambda developer guide, "Lambda extensions"); functions cannot write there.
pub const EXTENSIONS: &str = "/opt/extensions";

/// Whether something but its parent ties a process to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tie {
    /// It has something that only the run's processes have.
    Run,
    /// It is an extension's.
    Platform,
    /// Nothing.
    None,
}

/// Looks for the processes of a run, again and again.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) lineage: Lineage,
    /// Processes that are tied to the run, by number and start. They may get rid of that; what is not tied may become so.
    tied: BTreeSet<(Pid, Moment)>,
    /// This program's file, which the shims of other runs are, too.
    own_program: Option<PathBuf>,
}

impl Search {
    pub(super) fn new(lineage: Lineage) -> Self {
        Self {
            lineage,
            tied: BTreeSet::new(),
            own_program: fs::read_link("/proc/self/exe").ok(),
        }
    }

    /// The shim and the leader of the run's first session, where that is known.
    pub(super) fn leader(&self) -> Option<(Pid, Pid)> {
        let Lineage { shim, leader, .. } = self.lineage;
        leader.map(|leader| (shim, leader))
    }

    /// The run's processes among `all`, zombies included; the shim is none of them.
    /// After `until` only relatives of those that have been found are.
    pub(super) fn of_the_run(&mut self, all: &[Process], until: Option<Instant>) -> Vec<Process> {
        let ancestry = Ancestry::new(all, &self.lineage);
        let may_be = |process: &&Process| ancestry.allows(process);
        let mut left: Vec<Process> = all.iter().filter(may_be).copied().collect();
        let adopted = left.iter().filter(|process| ancestry.is_adopted(process));
        let adopted: BTreeSet<Pid> = adopted.map(|process| process.pid).collect();
        let mut found = Found::new(&self.lineage, all);
        found.take_relatives(&mut left);
        let mut strangers = Vec::new();
        while let Some(process) = left.pop()
            && until.is_none_or(|until| Instant::now() < until)
        {
            if adopted.contains(&process.pid) || self.belongs(&process, all) {
                found.take(process);
                found.take_relatives(&mut left);
                found.take_relatives(&mut strangers);
            } else {
                strangers.push(process);
            }
        }
        found.processes
    }

    /// Whether a process that is no relative of the others is the run's all the same.
    fn belongs(&mut self, process: &Process, all: &[Process]) -> bool {
        if process.state == State::Zombie {
            return false;
        }
        let key = (process.pid, process.started);
        if self.tied.contains(&key) {
            return true;
        }
        match (self.tie(process.pid), self.lineage.neighbours) {
            (Tie::Run, _) => {
                self.tied.insert(key);
                true
            }
            (Tie::None, Neighbours::Extensions) => {
                let is_later =
                    self.lineage.before.is_some() || process.started > self.lineage.began;
                is_later
                    && process.parent.as_raw() == 1
                    && runs_as(process.pid, Uid::effective())
                    && !self.may_be_of_another_run(process, all)
            }
            (Tie::Platform, _) | (Tie::None, Neighbours::Anybody) => false,
        }
    }

    /// Looks at one process. One of another user shows nothing.
    fn tie(&self, pid: Pid) -> Tie {
        let Lineage {
            directory, root, ..
        } = &self.lineage;
        let program = fs::read_link(format!("/proc/{pid}/exe")).ok();
        // A shim, or a copy of the supervisor that is about to be one and has all of its files still.
        if program.is_some() && program == self.own_program {
            return Tie::None;
        }
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let there = |path: &&PathBuf| !path.as_os_str().is_empty();
        let program = program.unwrap_or_default();
        let of_run = [directory, root]
            .into_iter()
            .filter(there)
            .any(|path| program.starts_with(path));
        let named =
            |directory: &PathBuf| names(&environment, directory) || has_pipe(pid, directory);
        if of_run || Some(directory).filter(there).is_some_and(named) {
            return Tie::Run;
        }
        let platform = b"AWS_LAMBDA_RUNTIME_API=";
        let mut variables = environment.split(|&b| b == 0);
        if program.starts_with(EXTENSIONS) && variables.any(|v| v.starts_with(platform)) {
            Tie::Platform
        } else {
            Tie::None
        }
    }

    /// Whether another shim of the same supervisor runs something, and did so when the process started.
    fn may_be_of_another_run(&self, process: &Process, all: &[Process]) -> bool {
        let Lineage {
            supervisor, shim, ..
        } = self.lineage;
        let siblings = all.iter().filter(|other| {
            other.parent == supervisor && other.pid != shim && other.started <= process.started
        });
        siblings
            .filter(|sibling| is_shim(sibling.pid))
            .any(|sibling| all.iter().any(|child| child.parent == sibling.pid))
    }
}

/// Whether an environment names a directory, or something in it.
fn names(environment: &[u8], directory: &Path) -> bool {
    let path = directory.as_os_str().as_bytes();
    let ends = |at: usize| matches!(environment.get(at), None | Some(0 | b'/' | b':' | b' '));
    let mut windows = environment.windows(path.len()).enumerate();
    windows.any(|(at, window)| window == path && ends(at + path.len()))
}

/// Whether a process has a pipe of the run open, see [`crate::exec::run_pipes`]. Its other files may be anybody's who looks.
fn has_pipe(pid: Pid, directory: &Path) -> bool {
    let pipes = ["stdout", "stderr"].map(|name| directory.join("handoff").join(name));
    let files = fs::read_dir(format!("/proc/{pid}/fd"));
    let mut files = files.into_iter().flatten().flatten();
    files.any(|file| fs::read_link(file.path()).is_ok_and(|target| pipes.contains(&target)))
}

/// Whether a process runs as `user`. Who owns its files in `/proc` would not tell: those of a program that may not be read are
/// root's (proc(5)).
pub(super) fn runs_as(pid: Pid, user: Uid) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let users = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    let real = users.and_then(|users| users.split_whitespace().next()?.parse::<u32>().ok());
    real == Some(user.as_raw())
}

/// Whether a process is a shim, by its words.
pub(super) fn is_shim(pid: Pid) -> bool {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.starts_with(crate::shim::argv0::SHIM.as_bytes())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn process(pid: i32, parent: i32, session: i32, started: u64) -> Process {
        Process {
            pid: Pid::from_raw(pid),
            parent: Pid::from_raw(parent),
            group: Pid::from_raw(session),
            session: Pid::from_raw(session),
            started: Moment::from_ticks(started),
            state: State::Live,
        }
    }

    pub(in super::super) fn search(directory: &str, neighbours: Neighbours) -> Search {
        Search::new(Lineage {
            supervisor: Pid::from_raw(90),
            shim: Pid::from_raw(100),
            leader: Some(Pid::from_raw(101)),
            directory: directory.into(),
            root: PathBuf::new(),
            began: Moment::from_ticks(50),
            before: None,
            neighbours,
        })
    }

    #[test]
    fn what_was_there_in_the_tick_in_which_the_run_began_is_not_the_runs() {
        let all = [
            process(90, 1, 90, 50),
            process(91, 1, 101, 50),
            process(101, 100, 101, 50),
        ];
        let found = |before: Option<BTreeSet<Pid>>| {
            let mut search = search("/none", Neighbours::Extensions);
            search.lineage.before = before;
            let found = search.of_the_run(&all, None);
            found.iter().map(|p| p.pid.as_raw()).collect::<Vec<_>>()
        };
        // The supervisor never is; another one in the run's session, where it was not there before.
        let others = [90, 91].map(Pid::from_raw);
        assert_eq!(found(Some(BTreeSet::from(others))), [101]);
        let mut with_orphan = found(Some(BTreeSet::from([Pid::from_raw(90)])));
        with_orphan.sort_unstable();
        assert_eq!(with_orphan, [91, 101]);
    }

    #[test]
    fn relatives_are_found_however_far_they_went() {
        let all = [
            process(1, 0, 1, 0),
            process(90, 1, 90, 10),
            process(100, 90, 100, 40),
            process(101, 100, 101, 50),
            process(102, 101, 101, 51),
            // An orphan in the run's session, its child in one of its own, and an orphan of that session.
            process(103, 1, 101, 52),
            process(104, 103, 104, 53),
            process(105, 1, 104, 54),
            // Others: there before, or of another run, even in a session of this one.
            process(106, 1, 106, 49),
            process(107, 90, 90, 60),
            process(108, 107, 101, 61),
            process(109, 106, 109, 62),
            // What the supervisor has adopted from a shim that was killed, and not what it has started.
            process(110, 90, 110, 63),
            process(111, 110, 110, 64),
            process(112, 90, 90, 65),
        ];
        let found = search("/none", Neighbours::Anybody).of_the_run(&all, None);
        let mut pids: Vec<i32> = found.iter().map(|p| p.pid.as_raw()).collect();
        pids.sort_unstable();
        assert_eq!(pids, [101, 102, 103, 104, 105, 110, 111]);
    }

    #[test]
    fn a_process_of_another_time_with_the_same_number_is_nobodys() {
        let all = [process(100, 90, 100, 40), process(102, 101, 101, 30)];
        assert!(
            search("/none", Neighbours::Anybody)
                .of_the_run(&all, None)
                .is_empty()
        );
    }
}
