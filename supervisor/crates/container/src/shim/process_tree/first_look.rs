//! A first look at processes that are to be stopped, faster than a search and less complete.

use std::{fs, os::unix::fs::MetadataExt as _};

use nix::unistd::{Pid, Uid};

use super::{
    ancestry::Found,
    known::{Lineage, Neighbours},
    lineage::{EXTENSIONS, Search, is_shim},
    processes::{Process, process},
};

/// Finds what is the run's beyond doubt, while the processes are being looked through: each can be stopped when it is seen,
/// before the others have taken the time that looking at them takes.
pub(super) struct FirstLook<'a> {
    lineage: &'a Lineage,
    found: Found,
    /// Whether an orphan can be of this run only.
    orphans: Orphans,
}

/// Whose an orphan is that came after the run began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Orphans {
    OfThisRun,
    OfAnybody,
}

impl<'a> FirstLook<'a> {
    pub(super) fn new(search: &'a Search) -> Self {
        let lineage = &search.lineage;
        let others = [lineage.supervisor, lineage.shim].into_iter();
        let others: Vec<Process> = others.filter_map(process).collect();
        let orphans = match lineage.neighbours {
            Neighbours::Extensions if !has_other_shims(lineage) => Orphans::OfThisRun,
            Neighbours::Extensions | Neighbours::Anybody => Orphans::OfAnybody,
        };
        Self {
            lineage,
            found: Found::new(lineage, &others),
            orphans,
        }
    }

    /// Whether this process is the run's. What is not sure is left for a [`Search`].
    pub(super) fn takes(&mut self, process: &Process) -> bool {
        let Lineage {
            supervisor,
            shim,
            began,
            ..
        } = self.lineage;
        // What started in the same tick may have been there before.
        if [*supervisor, *shim].contains(&process.pid) || process.started <= *began {
            return false;
        }
        let is_orphan = self.orphans == Orphans::OfThisRun && process.parent.as_raw() == 1;
        let taken = self.found.is_relative(process) || is_orphan && is_ours(process.pid);
        if taken {
            self.found.take(*process);
        }
        taken
    }
}

/// Whether a process is this user's and no extension. One whose program may not be read shows neither.
fn is_ours(pid: Pid) -> bool {
    let directory = format!("/proc/{pid}");
    fs::metadata(&directory).is_ok_and(|of| of.uid() == Uid::effective().as_raw())
        && fs::read_link(format!("{directory}/exe"))
            .is_ok_and(|program| !program.starts_with(EXTENSIONS))
}

/// Whether the supervisor has other shims now.
fn has_other_shims(lineage: &Lineage) -> bool {
    let children = format!("/proc/{0}/task/{0}/children", lineage.supervisor);
    // Without this list (a kernel option) nothing is sure.
    let Ok(children) = fs::read_to_string(children) else {
        return true;
    };
    let pids = children
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok());
    pids.map(Pid::from_raw)
        .any(|pid| pid != lineage.shim && is_shim(pid))
}

#[cfg(test)]
mod tests {
    use super::{
        super::lineage::tests::{process, search},
        *,
    };

    #[test]
    fn the_first_look_takes_what_is_sure_and_nothing_else() {
        let search = search("/none", Neighbours::Anybody);
        let mut look = FirstLook::new(&search);
        let mut takes =
            |pid, parent, session, started| look.takes(&process(pid, parent, session, started));
        assert!(takes(101, 100, 101, 51), "the first process");
        assert!(takes(102, 101, 102, 52), "its child");
        assert!(takes(103, 1, 102, 53), "an orphan of that session");
        assert!(!takes(104, 101, 101, 50), "it may have been there before");
        assert!(!takes(105, 1, 105, 54), "an orphan of anybody");
        assert!(!takes(100, 90, 90, 60), "the shim");
    }
}
