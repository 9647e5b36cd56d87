//! What a run leaves outside of all directories: System V objects, files in `/dev/shm`, and resource limits of this process.
//!
//! A segment does not say which run it is of. So only where this process has the user to itself (a Lambda function that takes one
//! invocation at a time), what came during the run is taken for the run's. A segment whose creator is alive is somebody else's: every
//! process of the run is gone by then.

use std::{
    collections::BTreeSet, ffi::OsString, fs, io, os::unix::fs::MetadataExt as _, path::Path,
};

use nix::{
    errno::Errno,
    libc,
    sys::resource::{Resource, getrlimit, rlim_t, setrlimit},
    unistd::geteuid,
};

use crate::{
    engine::settings::Invocations,
    shim::process_tree::{EXTENSIONS, numbers},
};
use environment::Platform;

const SHARED_MEMORY: &str = "/dev/shm";

/// Limits that a process of the same user can set for this one (prlimit(2)).
const LIMITS: [Resource; 7] = [
    Resource::RLIMIT_FSIZE,
    Resource::RLIMIT_NOFILE,
    Resource::RLIMIT_NPROC,
    Resource::RLIMIT_DATA,
    Resource::RLIMIT_AS,
    Resource::RLIMIT_STACK,
    Resource::RLIMIT_CPU,
];

/// Whose the user is that this process runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tenancy {
    /// This process's, and one run's at a time.
    Exclusive,
    /// Other programs' and other runs', too.
    Shared,
}

impl Tenancy {
    /// That of a platform.
    pub fn of(platform: Platform, invocations: Invocations) -> Self {
        match (platform, invocations) {
            (Platform::Lambda, Invocations::OneByOne) => Self::Exclusive,
            _ => Self::Shared,
        }
    }
}

/// What there was before a run.
#[derive(Debug)]
pub struct Leftovers {
    tenancy: Tenancy,
    objects: BTreeSet<Object>,
    files: BTreeSet<OsString>,
    limits: Vec<(Resource, (rlim_t, rlim_t))>,
}

/// A System V object of this user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Object {
    kind: ObjectKind,
    id: i32,
    /// The process that created it, where the kernel says so.
    creator: Option<i32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum ObjectKind {
    Memory,
    Semaphores,
    Messages,
}

impl ObjectKind {
    const ALL: [Self; 3] = [Self::Memory, Self::Semaphores, Self::Messages];

    /// The kernel's table of them, and the column of their numbers (`proc_sysvipc(5)`).
    fn table(self) -> (&'static str, &'static str) {
        match self {
            Self::Memory => ("/proc/sysvipc/shm", "shmid"),
            Self::Semaphores => ("/proc/sysvipc/sem", "semid"),
            Self::Messages => ("/proc/sysvipc/msg", "msqid"),
        }
    }
}

impl Leftovers {
    /// Notes what there is. To be called right before a run.
    pub fn before_run(tenancy: Tenancy) -> Self {
        let limits = LIMITS
            .into_iter()
            .filter_map(|limit| Some((limit, getrlimit(limit).ok()?)));
        let (objects, files) = match tenancy {
            Tenancy::Exclusive => (objects(), files()),
            Tenancy::Shared => (BTreeSet::new(), BTreeSet::new()),
        };
        Self {
            tenancy,
            objects,
            files,
            limits: limits.collect(),
        }
    }

    /// Removes what has come since, and resets what has changed. To be called when all processes of the run are gone.
    pub fn remove_new(&self) {
        self.reset_limits();
        if self.tenancy == Tenancy::Shared {
            return;
        }
        for object in objects().difference(&self.objects) {
            let is_used = object.creator.map_or_else(has_extensions, is_alive);
            if !is_used && let Err(error) = object.remove() {
                tracing::warn!(%error, ?object, "a System V object that a run has left stays");
            }
        }
        for name in files().difference(&self.files) {
            let _stays_where_it_must = rootfs::remove_any(&Path::new(SHARED_MEMORY).join(name));
        }
    }

    fn reset_limits(&self) {
        for (limit, (soft, hard)) in &self.limits {
            if getrlimit(*limit) == Ok((*soft, *hard)) {
                continue;
            }
            let reset = setrlimit(*limit, *soft, *hard);
            tracing::warn!(
                ?limit,
                reset = reset.is_ok(),
                "a run has changed a resource limit of the supervisor"
            );
        }
    }
}

impl Object {
    #[allow(unsafe_code)]
    fn remove(&self) -> nix::Result<()> {
        // SAFETY: removing by number takes no memory of this process; nobody here has attached it.
        let removed = unsafe {
            match self.kind {
                ObjectKind::Memory => libc::shmctl(self.id, libc::IPC_RMID, std::ptr::null_mut()),
                ObjectKind::Semaphores => libc::semctl(self.id, 0, libc::IPC_RMID),
                ObjectKind::Messages => libc::msgctl(self.id, libc::IPC_RMID, std::ptr::null_mut()),
            }
        };
        Errno::result(removed).map(drop)
    }
}

/// The System V objects of this user; none where the kernel does not list them.
fn objects() -> BTreeSet<Object> {
    let mut objects = BTreeSet::new();
    for kind in ObjectKind::ALL {
        let table = fs::read_to_string(kind.table().0).unwrap_or_default();
        objects.extend(parse(kind, &table, geteuid().as_raw()));
    }
    objects
}

/// The rows of one of the kernel's tables that are `user`'s, as owner or as creator.
fn parse(kind: ObjectKind, table: &str, user: u32) -> Vec<Object> {
    let mut lines = table.lines();
    let heading: Vec<&str> = lines
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let column = |name: &str| heading.iter().position(|heading| *heading == name);
    let object = |line: &str| {
        let row: Vec<i64> = line.split_whitespace().flat_map(str::parse).collect();
        let value = |name: &str| row.get(column(name)?).copied();
        let is_owned = ["uid", "cuid"]
            .iter()
            .any(|name| value(name) == Some(user.into()));
        let creator = value("cpid").and_then(|pid| pid.try_into().ok());
        let id = value(kind.table().1)?.try_into().ok()?;
        is_owned.then_some(Object { kind, id, creator })
    };
    lines.filter_map(object).collect()
}

/// What this user has in `/dev/shm`, if that is there.
fn files() -> BTreeSet<OsString> {
    let entries = fs::read_dir(SHARED_MEMORY).into_iter().flatten().flatten();
    let is_own = |entry: &fs::DirEntry| -> io::Result<bool> {
        Ok(entry.metadata()?.uid() == geteuid().as_raw())
    };
    let own = entries.filter(|entry| is_own(entry).unwrap_or(false));
    own.map(|entry| entry.file_name()).collect()
}

/// Whether an extension runs, which may have created what the kernel names no creator of.
fn has_extensions() -> bool {
    numbers().any(|process| {
        fs::read_link(format!("/proc/{process}/exe"))
            .is_ok_and(|program| program.starts_with(EXTENSIONS))
    })
}

/// Whether a process runs. On Lambda nobody waits for an orphan, which stays a zombie when it has ended.
fn is_alive(process: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // A name may hold anything, parentheses too (proc(5)).
    let state = stat
        .rsplit_once(") ")
        .and_then(|(_, rest)| rest.chars().next());
    state.is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_user_are_found_whatever_the_columns() {
        let memory = "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime\n\
                               0          5   600                  4096   123     0      0   993   990   993   990          0\n\
                      -559038737          6   600                  4096   124     0      0     0     0     0     0          0\n";
        let object = |kind, id, creator| Object { kind, id, creator };
        let found = parse(ObjectKind::Memory, memory, 993);
        assert_eq!(found, [object(ObjectKind::Memory, 5, Some(123))]);
        let queues = "key msqid perms cbytes qnum lspid lrpid uid gid cuid cgid\n0 7 644 0 0 0 0 1 1 993 990\n";
        let found = parse(ObjectKind::Messages, queues, 993);
        assert_eq!(found, [object(ObjectKind::Messages, 7, None)]);
        assert_eq!(parse(ObjectKind::Semaphores, "", 993), []);
    }

    #[test]
    fn limits_that_a_run_has_changed_are_reset() {
        let leftovers = Leftovers::before_run(Tenancy::Shared);
        let (soft, hard) = getrlimit(Resource::RLIMIT_CPU).unwrap();
        setrlimit(Resource::RLIMIT_CPU, soft.min(100_000), hard).unwrap();
        leftovers.remove_new();
        assert_eq!(getrlimit(Resource::RLIMIT_CPU), Ok((soft, hard)));
    }
}
