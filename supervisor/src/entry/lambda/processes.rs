//! Limits on a function's processes: core files and zombies.

use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt as _,
    sync::atomic::{AtomicU64, Ordering},
};

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};

use container::shim::process_tree::lasting_zombies;

/// Disables core files. On Lambda their size is unlimited, and they would fill `/tmp`, where outputs need the room.
pub(super) fn write_no_cores() {
    let set = getrlimit(Resource::RLIMIT_CORE)
        .and_then(|(_, most)| setrlimit(Resource::RLIMIT_CORE, 0, most));
    if let Err(error) = set {
        tracing::debug!(%error, "cannot set the limit of core files");
    }
}

/// Counts zombies. On Lambda nothing reaps an orphan, and each counts against the limit of processes for as long as the
/// environment lives.
#[derive(Debug, Default)]
pub(super) struct Zombies {
    /// How many there were at the last warning.
    said: AtomicU64,
}

impl Zombies {
    /// Warns when half of the limit is used up, and again for every sixteenth more.
    pub(super) fn look(&self) {
        let Ok((limit, _)) = getrlimit(Resource::RLIMIT_NPROC) else {
            return;
        };
        // Counting zombies reads a file for each process, which few processes are not worth.
        if limit == RLIM_INFINITY || processes() < limit / 2 {
            return;
        }
        let zombies = u64::try_from(lasting_zombies()).unwrap_or(u64::MAX);
        if is_worth_saying(zombies, self.said.load(Ordering::Relaxed), limit) {
            self.said.store(zombies, Ordering::Relaxed);
            tracing::warn!(
                zombies,
                limit,
                "background processes of earlier runs have ended as zombies, which nobody collects here: at the limit no \
                 process can be started until the platform replaces this environment; have the command wait for what it \
                 starts in the background"
            );
        }
    }
}

/// How many processes are visible.
fn processes() -> u64 {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let is_process = |name: &OsStr| name.as_bytes().first().is_some_and(u8::is_ascii_digit);
    let processes = entries.filter(|entry| is_process(&entry.file_name()));
    u64::try_from(processes.count()).unwrap_or(u64::MAX)
}

fn is_worth_saying(zombies: u64, said: u64, limit: u64) -> bool {
    let half = limit / 2;
    zombies >= half.max(1) && zombies >= said.saturating_add(limit / 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_one_of_them() {
        assert!(processes() > 0);
    }

    #[test]
    fn it_is_said_at_half_of_the_limit_and_now_and_then() {
        assert!(!is_worth_saying(370, 0, 742));
        assert!(is_worth_saying(371, 0, 742));
        assert!(!is_worth_saying(380, 371, 742));
        assert!(is_worth_saying(417, 371, 742));
        assert!(!is_worth_saying(1000, 0, u64::MAX));
    }
}
