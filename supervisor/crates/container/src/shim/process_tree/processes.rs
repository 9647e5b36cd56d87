//! What `/proc` says of processes (proc(5)).

use std::fs;

use nix::{
    time::{ClockId, clock_gettime},
    unistd::{Pid, SysconfVar, sysconf},
};

/// Whether a process runs, or only waits for its parent to take its exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Live,
    Zombie,
}

/// A moment, in the clock ticks since the machine started that `/proc` counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u64);

impl Moment {
    /// Now, rounded down as the kernel does: what starts from here on is not earlier.
    pub fn now() -> Self {
        let ticks = sysconf(SysconfVar::CLK_TCK).ok().flatten();
        let ticks = ticks.and_then(|ticks| u64::try_from(ticks).ok());
        let ticks = ticks.unwrap_or(100).max(1);
        let Ok(up) = clock_gettime(ClockId::CLOCK_BOOTTIME) else {
            // Without a clock nothing is known to have started later.
            return Self(u64::MAX);
        };
        let number = |value: i64| u64::try_from(value).unwrap_or_default();
        Self(number(up.tv_sec()) * ticks + number(up.tv_nsec()) * ticks / 1_000_000_000)
    }

    #[cfg(test)]
    pub(super) fn from_ticks(ticks: u64) -> Self {
        Self(ticks)
    }
}

/// What `/proc/PID/stat` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: Pid,
    pub(super) parent: Pid,
    pub(super) group: Pid,
    pub(super) session: Pid,
    pub(super) started: Moment,
    pub(super) state: State,
}

impl Process {
    /// Whether `reaper` has not started this process but adopted it: a run's first process makes a session of its own, and what
    /// is started beside the runs does not.
    pub(super) fn is_adopted_by(&self, reaper: &Process) -> bool {
        self.parent == reaper.pid && self.session != reaper.session
    }
}

/// The numbers of all processes.
pub fn numbers() -> impl Iterator<Item = Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok().map(Pid::from_raw))
}

/// Every process.
pub(super) fn processes() -> impl Iterator<Item = Process> {
    numbers().filter_map(process)
}

/// One process.
pub(super) fn process(pid: Pid) -> Option<Process> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    parse_stat(pid, &stat)
}

/// The fields after the command's name, which is in parentheses and may hold anything itself.
fn parse_stat(pid: Pid, stat: &[u8]) -> Option<Process> {
    let end = stat.iter().rposition(|&byte| byte == b')')?;
    let mut fields = stat.get(end + 1..)?.split(|&b| b == b' ').skip(1);
    let state = match fields.next()? {
        b"Z" | b"X" => State::Zombie,
        _ => State::Live,
    };
    let mut number = |skipped: usize| {
        let digits = std::str::from_utf8(fields.nth(skipped)?).ok()?;
        digits.trim().parse::<u64>().ok()
    };
    let id = |number: u64| i32::try_from(number).ok().map(Pid::from_raw);
    Some(Process {
        pid,
        parent: id(number(0)?)?,
        group: id(number(0)?)?,
        session: id(number(0)?)?,
        // Field 22; the session is field 6.
        started: Moment(number(15)?),
        state,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_name_may_hold_parentheses_and_spaces() {
        let rest = "0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 4711 10 20\n";
        let parse = |stat: &str| parse_stat(Pid::from_raw(7), format!("{stat} {rest}").as_bytes());
        let found = parse("7 (a) S 1) S 42 8 9").unwrap();
        let ids = [found.parent, found.group, found.session].map(Pid::as_raw);
        assert_eq!((ids, found.started), ([42, 8, 9], Moment(4711)));
        assert_eq!(found.state, State::Live);
        assert_eq!(parse("7 (x) Z 1 7 7").unwrap().state, State::Zombie);
        assert_eq!(parse_stat(Pid::from_raw(7), b"7 (x"), None);
    }

    #[test]
    fn what_starts_now_has_not_started_before() {
        let before = Moment::now();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
        let found = processes().find(|process| process.pid == pid).unwrap();
        child.wait().unwrap();
        assert!(found.started >= before && found.started <= Moment::now());
    }
}
