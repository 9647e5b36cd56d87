//! Which processes can be a run's by their descent, and which of those are relatives of ones that are.

use std::collections::{BTreeSet, HashMap};

use nix::unistd::Pid;

use super::{known::Lineage, processes::Process};

/// Who descends from whom. What descends from a process that was there before the run is not the run's, whatever it has: the
/// shim of another run, for a moment, is a copy of the supervisor, with all of its files.
pub(super) struct Ancestry<'a> {
    lineage: &'a Lineage,
    by_pid: HashMap<Pid, &'a Process>,
    /// Where orphans may go: the machine's first process, and every subreaper above the supervisor.
    reapers: BTreeSet<Pid>,
}

impl<'a> Ancestry<'a> {
    pub(super) fn new(all: &'a [Process], lineage: &'a Lineage) -> Self {
        let by_pid: HashMap<Pid, &Process> = all.iter().map(|one| (one.pid, one)).collect();
        let mut reapers = BTreeSet::from([Pid::from_raw(1)]);
        let mut at = by_pid.get(&lineage.supervisor);
        // Ends: each is new, and there are no more than processes.
        while let Some(parent) = at.map(|process| process.parent)
            && reapers.insert(parent)
        {
            at = by_pid.get(&parent);
        }
        Self {
            lineage,
            by_pid,
            reapers,
        }
    }

    /// Whether a process was there before the run.
    fn was_there(&self, process: &Process) -> bool {
        let Lineage {
            supervisor,
            began,
            before,
            ..
        } = self.lineage;
        let in_the_same_tick = || {
            before
                .as_ref()
                .is_some_and(|all| all.contains(&process.pid))
        };
        process.pid == *supervisor
            || process.started < *began
            || process.started == *began && in_the_same_tick()
    }

    /// Whether the supervisor has adopted it, which no shim can look after any more. Where the supervisor is the machine's first
    /// process it adopts what others have started, too.
    pub(super) fn is_adopted(&self, process: &Process) -> bool {
        let supervisor = self.by_pid.get(&self.lineage.supervisor);
        supervisor.is_some_and(|supervisor| {
            supervisor.pid.as_raw() != 1 && process.is_adopted_by(supervisor)
        })
    }

    /// Whether a process can be the run's: it started no earlier, and so did all it descends from, up to the shim or to where
    /// orphans go.
    pub(super) fn allows(&self, process: &Process) -> bool {
        let mut at = process;
        // More steps than processes would be a circle, seen while numbers were used again.
        for _step in 0..=self.by_pid.len() {
            let shim = self.lineage.shim;
            if self.was_there(at) || at.pid == shim || self.reapers.contains(&at.pid) {
                return false;
            }
            if at.parent == shim || self.reapers.contains(&at.parent) || self.is_adopted(at) {
                return true;
            }
            match self.by_pid.get(&at.parent) {
                Some(parent) => at = parent,
                // Gone while we looked: an orphan by now.
                None => return true,
            }
        }
        false
    }
}

/// What a search has found so far.
pub(super) struct Found {
    shim: Pid,
    pub(super) processes: Vec<Process>,
    pids: BTreeSet<Pid>,
    /// Sessions and process groups, which are the run's alone: the first process of the run has made a session of its own.
    groups: BTreeSet<Pid>,
    /// Those of the supervisor and the shim, in which the first process is for a moment.
    foreign: BTreeSet<Pid>,
}

impl Found {
    pub(super) fn new(lineage: &Lineage, all: &[Process]) -> Self {
        let others = [lineage.supervisor, lineage.shim];
        let others = all.iter().filter(|process| others.contains(&process.pid));
        Self {
            shim: lineage.shim,
            processes: Vec::new(),
            pids: BTreeSet::new(),
            groups: lineage.leader.into_iter().collect(),
            foreign: others
                .flat_map(|other| [other.session, other.group])
                .collect(),
        }
    }

    pub(super) fn is_relative(&self, process: &Process) -> bool {
        let group = |id: Pid| id.as_raw() > 1 && self.groups.contains(&id);
        process.parent == self.shim
            || self.pids.contains(&process.parent)
            || group(process.session)
            || group(process.group)
    }

    pub(super) fn take_relatives(&mut self, left: &mut Vec<Process>) {
        loop {
            let before = left.len();
            // Parents mostly come before their children: one pass takes nearly all.
            left.retain(|process| {
                let is_relative = self.is_relative(process);
                if is_relative {
                    self.take(*process);
                }
                !is_relative
            });
            if left.len() == before {
                return;
            }
        }
    }

    pub(super) fn take(&mut self, process: Process) {
        self.pids.insert(process.pid);
        let groups = [process.session, process.group].into_iter();
        self.groups
            .extend(groups.filter(|group| !self.foreign.contains(group)));
        self.processes.push(process);
    }
}
