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
        if fs::exists("/proc/self/stat").unwrap_or(false) {
            Self::Below(root)
        } else {
            Self::Group(main)
        }
    }

    /// Sends `signal` to all of it.
    pub fn signal(self, signal: Signal) {
        match self {
            Self::Below(root) => signal_groups(root, signal),
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
    below(root).iter().map(|process| process.pid).collect()
}

/// Sends `signal` to every descendant of `root` once, by their process groups, none of which holds anybody else if each
/// child of `root` has made a session of its own.
///
/// One by one, what is forked between the look and the signal would be missed; and to look again would catch what a trap
/// has started to save its work. The kernel does not let a process fork while its group is being signalled (fork(2)
/// starts anew with the signal pending).
fn signal_groups(root: Pid, signal: Signal) {
    let groups: BTreeSet<Pid> = below(root).iter().map(|process| process.group).collect();
    // 0 is a group that this process cannot see, and to killpg(3) the caller's own.
    for group in groups.into_iter().filter(|group| group.as_raw() > 1) {
        let _gone_already = killpg(group, signal);
    }
}

/// Every live (not zombie) process below `root`.
fn below(root: Pid) -> Vec<Process> {
    let mut children: HashMap<Pid, Vec<Process>> = HashMap::new();
    for process in processes() {
        children.entry(process.parent).or_default().push(process);
    }
    let mut found = Vec::new();
    let mut open = vec![root];
    while let Some(parent) = open.pop() {
        for process in children.remove(&parent).into_iter().flatten() {
            open.push(process.pid);
            if process.state == State::Live {
                found.push(process);
            }
        }
    }
    found
}

/// Kills every descendant of `root`, those that are being forked meanwhile included, and tells which
/// there were.
///
/// `reap` is called between looks so that the caller's own zombies go. Gives up at `deadline`: a
/// process in uninterruptible sleep cannot be killed.
pub fn kill_descendants(root: Pid, deadline: Instant, mut reap: impl FnMut()) -> BTreeSet<Pid> {
    let mut killed = freeze(root);
    loop {
        for pid in descendants(root) {
            let _gone_already = kill(pid, Signal::SIGKILL);
        }
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

/// What `/proc/<pid>/stat` says of a process (proc(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Process {
    pid: Pid,
    parent: Pid,
    group: Pid,
    state: State,
}

/// Every process.
fn processes() -> impl Iterator<Item = Process> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter_map(|pid| {
            let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
            parse_stat(Pid::from_raw(pid), &stat)
        })
}

/// The fields after the command's name, which is in parentheses and may hold anything itself.
fn parse_stat(pid: Pid, stat: &[u8]) -> Option<Process> {
    let end = stat.iter().rposition(|&byte| byte == b')')?;
    let mut fields = stat.get(end + 1..)?.split(|&b| b == b' ').skip(1);
    let state = match fields.next()? {
        b"Z" | b"X" => State::Zombie,
        _ => State::Live,
    };
    let mut number = || {
        let digits = std::str::from_utf8(fields.next()?).ok()?;
        digits.parse().ok().map(Pid::from_raw)
    };
    Some(Process {
        pid,
        parent: number()?,
        group: number()?,
        state,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_name_may_hold_parentheses_and_spaces() {
        let pid = Pid::from_raw;
        let parse = |stat| parse_stat(pid(7), stat).map(|p| (p.parent, p.group, p.state));
        assert_eq!(
            parse(b"7 (a) S 1) S 42 8 9"),
            Some((pid(42), pid(8), State::Live))
        );
        assert_eq!(
            parse(b"7 (x) Z 1 7 7"),
            Some((pid(1), pid(7), State::Zombie))
        );
        assert_eq!(parse(b"7 (x"), None);
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
        let shell = Pid::from_raw(i32::try_from(child.id()).unwrap());
        let of_child = descendants(shell);
        assert_eq!(of_child.len(), 1);
        // Below the shell: other tests have children in this process, too.
        let until = Instant::now() + Duration::from_secs(5);
        assert_eq!(kill_descendants(shell, until, || {}), of_child);
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
