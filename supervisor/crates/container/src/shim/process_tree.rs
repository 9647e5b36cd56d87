//! Finds and kills everything a run started, however it detached itself: engines and daemons call `setsid`, and a process
//! group does not hold them.

mod ancestry;
mod first_look;
mod known;
mod lineage;
mod processes;
mod zombies;

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    ops::ControlFlow,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};

use self::{
    first_look::FirstLook,
    lineage::Search,
    processes::{Process, State, process, processes},
};
pub use self::{
    known::{Lineage, Neighbours},
    lineage::EXTENSIONS,
    processes::{Moment, numbers},
    zombies::{collect_adopted, lasting_zombies},
};
use environment::pause;

/// Pause between two looks at `/proc` while waiting for processes to go.
const POLL: Duration = Duration::from_millis(2);
/// Looks at a tree that is being stopped, at most.
const ROUNDS: usize = 64;

/// What a run has started, as far as this machine lets us see it.
#[derive(Debug)]
pub struct Tree(Kind);

#[derive(Debug)]
enum Kind {
    /// Everything below this process, which is a child subreaper (`prctl(2)`, `PR_SET_CHILD_SUBREAPER`): whatever is orphaned
    /// below it becomes its child, so walking parents misses nothing.
    Below {
        /// The subreaper.
        root: Pid,
        /// The leader of the first process group.
        main: Pid,
    },
    /// What [`Lineage`] tells of a run whose orphans go elsewhere.
    Of(Box<Search>),
    /// The process group of the command. Where `/proc` is not mounted (a bare chroot), nothing else can be seen: processes
    /// that leave the group are missed.
    Group(Pid),
}

impl Tree {
    /// The tree below `root`, a child subreaper, that `main`, the leader of a process group, is the beginning of.
    pub fn below(root: Pid, main: Pid) -> Self {
        Self(if can_see() {
            Kind::Below { root, main }
        } else {
            Kind::Group(main)
        })
    }

    /// The tree of a run whose orphans go to the machine's first process.
    pub fn of(lineage: Lineage) -> Self {
        Self(match lineage.leader {
            Some(leader) if !can_see() => Kind::Group(leader),
            _ => Kind::Of(Box::new(Search::new(lineage))),
        })
    }

    /// Sends `signal` to all of it.
    ///
    /// By process groups, where those hold nobody else: one by one, what is forked between the look and the signal would be
    /// missed, and to look again would catch what a trap has started to save its work. The kernel does not let a process fork
    /// while its group is being signalled (fork(2) starts over with the signal pending).
    ///
    /// After `until` it looks no further: a container that keeps the machine so busy gets no more of it.
    pub fn signal(&mut self, signal: Signal, until: Instant) {
        if let Kind::Group(main) = self.0 {
            let _gone_already = killpg(main, signal);
            return;
        }
        // At once: to look at hundreds that are busy takes time.
        let leader = self.leader();
        let signalled = Moment::now();
        if let Some(leader) = leader {
            let _gone_already = killpg(leader, signal);
        }
        let all: Vec<Process> = processes().take_while(|_| Instant::now() < until).collect();
        if Instant::now() >= until {
            return;
        }
        let mut living = self.living_of(&all, Some(until));
        if let Some(leader) = leader {
            // Nor what a trap has started since.
            living.retain(|process| process.group != leader && process.started < signalled);
        }
        let pids: BTreeSet<Pid> = living.iter().map(|process| process.pid).collect();
        let shared = all
            .iter()
            .filter(|other| other.state == State::Live && !pids.contains(&other.pid))
            .filter(|other| Some(other.group) != leader);
        let shared: BTreeSet<Pid> = shared.map(|other| other.group).collect();
        // 0 is a group that this process cannot see, and to killpg(3) the caller's own.
        let whole = |group: Pid| group.as_raw() > 1 && !shared.contains(&group);
        let groups = living.iter().map(|process| process.group);
        for group in groups
            .filter(|group| whole(*group))
            .collect::<BTreeSet<_>>()
        {
            let _gone_already = killpg(group, signal);
        }
        for process in living.iter().filter(|process| !whole(process.group)) {
            let _gone_already = kill(process.pid, signal);
        }
    }

    /// Whether nothing of it is left. A group's ended processes count until they are collected.
    pub fn is_gone(&mut self) -> bool {
        match self.0 {
            Kind::Group(main) => killpg(main, None) == Err(Errno::ESRCH),
            Kind::Below { .. } | Kind::Of(_) => {
                self.look(|_| ControlFlow::Break(())).is_continue() && self.living().is_empty()
            }
        }
    }

    /// Kills it, with what is being forked meanwhile, and returns which processes there were. A group does not tell that.
    ///
    /// `reap` is called between looks so that the caller's own zombies go. Gives up at `deadline`: a process in
    /// uninterruptible sleep cannot be killed.
    pub fn kill(&mut self, deadline: Instant, mut reap: impl FnMut()) -> BTreeSet<Pid> {
        if let Kind::Group(main) = self.0 {
            while killpg(main, Signal::SIGKILL).is_ok() && Instant::now() < deadline {
                reap();
                pause(POLL);
            }
            return BTreeSet::new();
        }
        let mut killed = self.freeze(deadline);
        reap();
        // Once more: `/proc` is no picture of one moment.
        if killed.is_empty() && self.living().is_empty() {
            return killed;
        }
        loop {
            for process in self.living() {
                let _gone_already = kill(process.pid, Signal::SIGKILL);
            }
            reap();
            let left = self.living();
            if left.is_empty() || Instant::now() >= deadline {
                return killed;
            }
            killed.extend(left.iter().map(|process| process.pid));
            pause(POLL);
        }
    }

    /// Stops the tree before it is killed, so that a process that forks in a loop cannot outrun us.
    fn freeze(&mut self, deadline: Instant) -> BTreeSet<Pid> {
        let at_sight = self.stop_at_sight();
        let mut stopped = at_sight.clone();
        for _round in 0..ROUNDS {
            let living = self.living();
            let living: BTreeSet<Pid> = living.iter().map(|process| process.pid).collect();
            let fresh: Vec<Pid> = living.difference(&stopped).copied().collect();
            for pid in &fresh {
                let _gone_already = kill(*pid, Signal::SIGSTOP);
            }
            stopped.extend(&fresh);
            if fresh.is_empty() {
                for pid in at_sight.difference(&living) {
                    let _was_not_the_runs = kill(*pid, Signal::SIGCONT);
                }
                stopped.retain(|pid| living.contains(pid) || !at_sight.contains(pid));
                break;
            }
            if Instant::now() >= deadline {
                break;
            }
        }
        stopped
    }

    /// Stops each process of the tree as soon as it is seen. Hundreds that are busy leave nobody the time to look at all of them
    /// before the first is stopped.
    fn stop_at_sight(&mut self) -> BTreeSet<Pid> {
        if let Some(leader) = self.leader() {
            let _gone_already = killpg(leader, Signal::SIGSTOP);
        }
        let mut stopped = BTreeSet::new();
        let _all_seen = self.look(|pid| {
            let _gone_already = kill(pid, Signal::SIGSTOP);
            stopped.insert(pid);
            ControlFlow::Continue(())
        });
        stopped
    }

    /// Looks through all processes once and shows each live one that is of the tree beyond doubt.
    fn look(&self, mut shows: impl FnMut(Pid) -> ControlFlow<()>) -> ControlFlow<()> {
        let mut below = BTreeSet::new();
        let mut first_look = match &self.0 {
            Kind::Below { root, .. } => {
                below.insert(*root);
                None
            }
            Kind::Of(search) => Some(FirstLook::new(search)),
            Kind::Group(_) => return ControlFlow::Continue(()),
        };
        for process in processes() {
            let taken = match &mut first_look {
                Some(look) => look.takes(&process),
                None => below.contains(&process.parent) && below.insert(process.pid),
            };
            if taken && process.state == State::Live {
                shows(process.pid)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// The process group that the run began with, which holds nobody else, unless its number has been used again.
    fn leader(&self) -> Option<Pid> {
        let (shim, leader) = match &self.0 {
            Kind::Below { root, main } => (*root, *main),
            Kind::Of(search) => search.leader()?,
            Kind::Group(main) => return Some(*main),
        };
        // A group outlives its leader, and no process gets its number then.
        let leads = process(leader).is_none_or(|leader| leader.parent == shim);
        (leads && leader != shim).then_some(leader)
    }

    /// Every live (not zombie) process of it.
    fn living(&mut self) -> Vec<Process> {
        self.living_of(&processes().collect::<Vec<_>>(), None)
    }

    fn living_of(&mut self, all: &[Process], until: Option<Instant>) -> Vec<Process> {
        let mut found = match &mut self.0 {
            Kind::Below { root, .. } => below(*root, all),
            Kind::Of(search) => search.of_the_run(all, until),
            Kind::Group(_) => Vec::new(),
        };
        found.retain(|process| process.state == State::Live);
        found
    }
}

fn can_see() -> bool {
    fs::exists("/proc/self/stat").unwrap_or(false)
}

/// Every process below `root`, `root` itself not included.
fn below(root: Pid, all: &[Process]) -> Vec<Process> {
    let mut children: HashMap<Pid, Vec<Process>> = HashMap::new();
    for process in all {
        children.entry(process.parent).or_default().push(*process);
    }
    let mut found = Vec::new();
    let mut open = vec![root];
    while let Some(parent) = open.pop() {
        for process in children.remove(&parent).into_iter().flatten() {
            open.push(process.pid);
            found.push(process);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt as _;
    use std::path::PathBuf;
    use std::process::{Child, Command};

    use super::*;

    fn shell(line: &str) -> Child {
        let mut command = Command::new("sh");
        command.args(["-c", line]).process_group(0).spawn().unwrap()
    }

    fn pid(child: &Child) -> Pid {
        Pid::from_raw(i32::try_from(child.id()).unwrap())
    }

    fn wait_for(mut done: impl FnMut() -> bool) {
        let started = Instant::now();
        while !done() && started.elapsed() < Duration::from_secs(5) {
            pause(POLL);
        }
        assert!(done());
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[test]
    fn a_child_and_its_child_are_found_and_killed() {
        let mut child = shell("sleep 60 & wait");
        // Below the shell: other tests have children in this process, too.
        let mut tree = Tree::below(pid(&child), pid(&child));
        wait_for(|| !tree.is_gone());
        assert_eq!(tree.kill(soon(), || {}).len(), 1);
        assert!(tree.is_gone());
        child.wait().unwrap();
    }

    #[test]
    fn a_daemon_is_found_by_the_directory_in_its_environment() {
        let directory = tempfile::tempdir().unwrap();
        let began = Moment::now();
        let mark = directory.path().display().to_string();
        let line = "(setsid sleep 60 </dev/null >/dev/null 2>&1 &)";
        let mut command = Command::new("sh");
        command.args(["-c", line]).env("TMP_OUTPUT_DIR", &mark);
        assert!(command.status().unwrap().success());
        let lineage = |directory: &str| Lineage {
            supervisor: Pid::this(),
            // Nobody's.
            shim: Pid::from_raw(i32::MAX),
            leader: None,
            directory: directory.into(),
            root: PathBuf::new(),
            began,
            before: None,
            neighbours: Neighbours::Anybody,
        };
        assert!(Tree::of(lineage("/another")).is_gone());
        let mut tree = Tree::of(lineage(&mark));
        assert_eq!(tree.kill(soon(), || {}).len(), 1);
        assert!(tree.is_gone());
    }

    #[test]
    fn a_group_is_killed_without_looking_at_proc() {
        let mut child = shell("sleep 60 & wait");
        let mut group = Tree(Kind::Group(pid(&child)));
        assert!(!group.is_gone());
        group.kill(soon(), || {
            let _collected = child.try_wait();
        });
        assert!(group.is_gone());
    }
}
