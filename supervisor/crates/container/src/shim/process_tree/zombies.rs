//! Processes that have ended and wait for somebody to collect them.

use nix::{
    sys::wait::{WaitPidFlag, waitpid},
    unistd::{Pid, Uid},
};

use super::{
    lineage,
    processes::{Process, State, processes},
};

/// Collects what a killed shim has left and this process, a child subreaper, has adopted. Its own children are in its session.
pub fn collect_adopted() {
    let all: Vec<Process> = processes().collect();
    let own = Pid::this();
    let Some(this) = all.iter().find(|process| process.pid == own) else {
        return;
    };
    let adopted = all
        .iter()
        .filter(|process| process.is_adopted_by(this) && process.state == State::Zombie);
    for process in adopted {
        let _not_ours = waitpid(process.pid, Some(WaitPidFlag::WNOHANG));
    }
}

/// How many processes of this user have ended and are collected by nobody: orphans whose end the machine's first process
/// does not ask for. They count against the limit of processes.
pub fn lasting_zombies() -> usize {
    let user = Uid::effective();
    let zombies = processes()
        .filter(|process| process.state == State::Zombie && process.parent.as_raw() == 1);
    zombies
        .filter(|process| lineage::runs_as(process.pid, user))
        .count()
}
