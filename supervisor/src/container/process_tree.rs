//! Finds and kills everything a run started: the whole descendant tree, because engines call
//! `setsid` and a process group does not hold them.
//!
//! Works from a root that is a child subreaper (`prctl(2)`, `PR_SET_CHILD_SUBREAPER`): whatever is
//! orphaned below it becomes its child, so walking parents in `/proc` misses nothing.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};

/// Pause between two looks at `/proc` while waiting for processes to go.
const POLL: Duration = Duration::from_millis(2);

/// What a command has started, as far as this machine lets us see it.
#[derive(Debug, Clone, Copy)]
pub enum Tree {
    /// Everything below this process, which is a child subreaper.
    Below(Pid),
    /// The process group of the command. Where `/proc` is not mounted (a bare chroot), nothing else is to be had:
    /// processes that leave the group are missed.
    Group(Pid),
}

impl Tree {
    /// The tree below `root` that `main`, the leader of a process group, is the beginning of.
    pub fn of(root: Pid, main: Pid) -> Self {
        match processes().next() {
            Some(_) => Self::Below(root),
            None => Self::Group(main),
        }
    }

    /// Sends `signal` to all of it.
    pub fn signal(self, signal: Signal) {
        match self {
            Self::Below(root) => signal_descendants(root, signal),
            Self::Group(main) => drop(killpg(main, signal)),
        }
    }

    /// Whether nothing of it is left. A group's ended processes count until they are collected.
    pub fn is_gone(self) -> bool {
        match self {
            Self::Below(root) => descendants(root).is_empty(),
            Self::Group(main) => killpg(main, None) == Err(Errno::ESRCH),
        }
    }

    /// Kills it as [`kill_descendants`] does. A group does not tell which processes there were.
    pub fn kill(self, deadline: Instant, mut reap: impl FnMut()) -> BTreeSet<Pid> {
        let main = match self {
            Self::Below(root) => return kill_descendants(root, deadline, reap),
            Self::Group(main) => main,
        };
        while killpg(main, Signal::SIGKILL).is_ok() && Instant::now() < deadline {
            reap();
            std::thread::sleep(POLL);
        }
        BTreeSet::new()
    }
}

/// Every live (not zombie) descendant of `root`, `root` itself not included.
pub fn descendants(root: Pid) -> BTreeSet<Pid> {
    let mut children: HashMap<i32, Vec<(i32, State)>> = HashMap::new();
    for (pid, parent, state) in processes() {
        children.entry(parent).or_default().push((pid, state));
    }
    let mut found = BTreeSet::new();
    let mut open = vec![root.as_raw()];
    while let Some(parent) = open.pop() {
        for &(pid, state) in children.get(&parent).into_iter().flatten() {
            open.push(pid);
            if state == State::Live {
                found.insert(Pid::from_raw(pid));
            }
        }
    }
    found
}

/// Sends `signal` to every descendant of `root`; processes that are gone already do not count.
pub fn signal_descendants(root: Pid, signal: Signal) {
    for pid in descendants(root) {
        let _gone_already = kill(pid, signal);
    }
}

/// Kills every descendant of `root`, those that are being forked meanwhile included, and tells which
/// there were.
///
/// `reap` is called between looks so that the caller's own zombies go. Gives up at `deadline`: a
/// process in uninterruptible sleep cannot be killed.
pub fn kill_descendants(root: Pid, deadline: Instant, mut reap: impl FnMut()) -> BTreeSet<Pid> {
    let mut killed = freeze(root);
    loop {
        signal_descendants(root, Signal::SIGKILL);
        reap();
        let left = descendants(root);
        if left.is_empty() || Instant::now() >= deadline {
            return killed;
        }
        killed.extend(left);
        std::thread::sleep(POLL);
    }
}

/// Stops the tree before it is killed, so that a process that forks in a loop cannot outrun us.
fn freeze(root: Pid) -> BTreeSet<Pid> {
    let mut stopped = BTreeSet::new();
    for _round in 0..64 {
        let fresh: Vec<Pid> = descendants(root).difference(&stopped).copied().collect();
        if fresh.is_empty() {
            break;
        }
        for pid in fresh {
            let _gone_already = kill(pid, Signal::SIGSTOP);
            stopped.insert(pid);
        }
    }
    stopped
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Live,
    Zombie,
}

/// `(pid, parent, state)` of every process, from `/proc/<pid>/stat` (proc(5)).
fn processes() -> impl Iterator<Item = (i32, i32, State)> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter_map(|pid| {
            let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
            let (parent, state) = parse_stat(&stat)?;
            Some((pid, parent, state))
        })
}

/// The fields after the command's name, which is in parentheses and may hold anything itself.
fn parse_stat(stat: &[u8]) -> Option<(i32, State)> {
    let end = stat.iter().rposition(|&byte| byte == b')')?;
    let mut fields = stat.get(end + 1..)?.split(|&b| b == b' ').skip(1);
    let state = match fields.next()? {
        b"Z" | b"X" => State::Zombie,
        _ => State::Live,
    };
    let parent = std::str::from_utf8(fields.next()?).ok()?.parse().ok()?;
    Some((parent, state))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_name_may_hold_parentheses_and_spaces() {
        assert_eq!(parse_stat(b"7 (a) S 1) S 42 7 7"), Some((42, State::Live)));
        assert_eq!(parse_stat(b"7 (x) Z 1 7 7"), Some((1, State::Zombie)));
        assert_eq!(parse_stat(b"7 (x"), None);
    }

    #[test]
    fn a_child_and_its_child_are_found_and_killed() {
        let mut child = std::process::Command::new("sh")
            .args(["-c", "sleep 60 & wait"])
            .spawn()
            .unwrap();
        let me = Pid::this();
        let started = Instant::now();
        while descendants(me).len() < 2 && started.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(POLL);
        }
        assert!(descendants(me).len() >= 2);
        let of_child = descendants(Pid::from_raw(i32::try_from(child.id()).unwrap()));
        assert_eq!(of_child.len(), 1);
        signal_descendants(me, Signal::SIGKILL);
        child.wait().unwrap();
    }

    #[test]
    fn a_group_is_killed_without_looking_at_proc() {
        use std::os::unix::process::CommandExt;
        let mut child = std::process::Command::new("sh")
            .args(["-c", "sleep 60 & wait"])
            .process_group(0)
            .spawn()
            .unwrap();
        let group = Tree::Group(Pid::from_raw(i32::try_from(child.id()).unwrap()));
        assert!(!group.is_gone());
        group.kill(Instant::now() + Duration::from_secs(5), || {
            let _collected = child.try_wait();
        });
        assert!(group.is_gone());
    }
}
