//! The processes inside an imitation of Lambda's sandbox, as this machine sees them.

use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::processes::{Process, describe, pids};

/// The number inside of the platform's own process, and that of the runtime.
const EXTENSION: i32 = 7;
const RUNTIME: i32 = 8;
/// How long a sandbox takes to start its processes, on a busy machine.
const START: Duration = Duration::from_secs(10);
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(5);

/// A pid namespace of another process's making.
#[derive(Debug, Clone)]
pub struct Namespace(PathBuf);

/// A process in a pid namespace.
#[derive(Debug, Clone)]
struct Member {
    /// Its number here.
    pid: i32,
    /// Its number inside.
    inside: i32,
    /// The number of its parent here.
    parent: i32,
    /// Whether it has ended, and nobody has asked for its status.
    zombie: bool,
}

impl Namespace {
    /// That of the sandbox whose outermost process is `outer`, and the runtime's number on this machine. Waits for both, and
    /// finds nothing if the sandbox ends before they are there.
    pub(crate) fn of(outer: i32) -> Option<(Self, i32)> {
        let (own, program) = (namespace(outer)?, program(outer)?);
        let asked = Instant::now();
        while asked.elapsed() < START && look(outer).is_some_and(|outer| !outer.zombie) {
            let first = pids().into_iter().find(|&pid| parent(pid) == Some(outer));
            let found = first.and_then(namespace).filter(|found| *found != own);
            let found = found.map(Self).and_then(|found| {
                let runtime = found
                    .runtime()
                    .filter(|&pid| self::program(pid) != Some(program.clone()));
                runtime.map(|runtime| (found, runtime))
            });
            if found.is_some() {
                return found;
            }
            sleep(LOOK);
        }
        None
    }

    fn runtime(&self) -> Option<i32> {
        let mut members = self.members().into_iter();
        Some(members.find(|it| it.inside == RUNTIME)?.pid)
    }

    /// The number on this machine of the process of the platform's kind, if it lives.
    pub fn extension(&self) -> Option<i32> {
        let mut members = self.members().into_iter();
        let found = members.find(|it| it.inside == EXTENSION && !it.zombie)?;
        Some(found.pid)
    }

    /// Every process that runs, but for the first one, the platform's own and the runtime.
    pub fn others(&self) -> Vec<Process> {
        let members = self.members();
        let platforms = |it: &Member| it.inside == EXTENSION;
        let extension = members.iter().find(|it| platforms(it)).map(|it| it.pid);
        let mut others = members;
        others.retain(|it| {
            let own = [1, RUNTIME].contains(&it.inside) || platforms(it);
            !it.zombie && !own && Some(it.parent) != extension
        });
        others.into_iter().map(|it| describe(it.pid)).collect()
    }

    /// Those of [`Self::others`] that run another program than the runtime does: what containers have started.
    pub fn of_containers(&self) -> Vec<Process> {
        let members = self.members().into_iter();
        let runtime = members
            .filter(|it| it.inside == RUNTIME)
            .find_map(|it| program(it.pid));
        let mut others = self.others();
        others.retain(|process| program(process.pid).is_some_and(|it| Some(it) != runtime));
        others
    }

    /// What the platform's own process has started.
    pub fn children_of_the_extension(&self) -> usize {
        let extension = self.extension();
        let members = self.members().into_iter();
        let of_it = members.filter(|it| !it.zombie && Some(it.parent) == extension);
        of_it.count()
    }

    /// Every process that has ended and is still counted.
    pub fn zombies(&self) -> usize {
        self.members().iter().filter(|it| it.zombie).count()
    }

    /// Every process that runs, but for the first one.
    pub(crate) fn all(&self) -> Vec<i32> {
        let mut members = self.members();
        members.retain(|it| !it.zombie && it.inside != 1);
        members.into_iter().map(|it| it.pid).collect()
    }

    /// Waits until nothing runs but for the first process, the platform's own and the runtime.
    #[track_caller]
    pub fn wait_until_alone(&self, within: Duration) {
        let asked = Instant::now();
        loop {
            let others = self.others();
            if others.is_empty() {
                return;
            }
            assert!(asked.elapsed() < within, "still there: {others:#?}");
            sleep(LOOK);
        }
    }

    fn members(&self) -> Vec<Member> {
        let member = |pid| (namespace(pid).as_ref() == Some(&self.0)).then(|| look(pid))?;
        pids().into_iter().filter_map(member).collect()
    }
}

fn namespace(pid: i32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/pid")).ok()
}

fn program(pid: i32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/exe")).ok()
}

fn parent(pid: i32) -> Option<i32> {
    field(&status(pid)?, "PPid:")?.parse().ok()
}

fn look(pid: i32) -> Option<Member> {
    let status = status(pid)?;
    let inside = field(&status, "NSpid:")?.split_whitespace().next_back()?;
    Some(Member {
        pid,
        inside: inside.parse().ok()?,
        parent: field(&status, "PPid:")?.parse().ok()?,
        zombie: field(&status, "State:")?.starts_with(['Z', 'X']),
    })
}

fn status(pid: i32) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/status")).ok()
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(value.trim())
}
