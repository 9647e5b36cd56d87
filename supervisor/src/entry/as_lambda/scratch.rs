//! The function's `/tmp`: a directory of its own, which a run finds in `TMPDIR` and keeps its image store in. Where this
//! process may mount, it is a file system of the right size; elsewhere it is measured.

use std::{
    cell::Cell,
    collections::HashSet,
    fs::{self, Permissions},
    io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::Instant,
};

use nix::{
    errno::Errno,
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, unshare},
    sys::statvfs::statvfs,
    unistd::geteuid,
};

use super::{devices, trial::Trial};
use container::{
    shim::probe::{self, Probe},
    workspace::Retention,
};

const MIB: u64 = 1024 * 1024;
/// Share of the time that measuring directories may take: one part in this many.
const SHARE: u32 = 10;

/// How the size is kept to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// By the file system: a write beyond it fails with ENOSPC, as on Lambda.
    Mounted,
    /// Not at all: its use is to be measured.
    Measured,
}

/// The directory.
#[derive(Debug)]
pub(super) struct Scratch {
    path: PathBuf,
    kind: Kind,
    retention: Retention,
    /// The last measurement, and when the next one is due.
    measured: Cell<(u64, Instant)>,
}

impl Scratch {
    /// Makes it, in a mount namespace of this process's own where there may be one. Adds to `missing` what cannot be
    /// imitated here.
    ///
    /// # Errors
    /// The operating system's, when there cannot even be a directory.
    pub(super) fn make(trial: &Trial<'_>, missing: &mut Vec<String>) -> io::Result<Self> {
        let path = tempfile::Builder::new()
            .prefix("faas-lambda-")
            .permissions(Permissions::from_mode(0o755))
            .tempdir_in(trial.environment.temp_dir())?
            .keep();
        let mut kind = Kind::Measured;
        match own_namespace(&trial.environment.own_binary()) {
            Ok(()) => {
                if devices::replace(&path).is_err() {
                    missing.push(
                        "/dev without shm, fd and pts: it cannot be replaced here".to_owned(),
                    );
                }
                match mount_tmp(trial, &path) {
                    Ok(()) => kind = Kind::Mounted,
                    Err(why) => missing.push(not_mounted(trial, &path, &why)),
                }
            }
            Err(error) => {
                let why = format!("this user may not mount ({})", error.desc());
                missing.push(not_mounted(trial, &path, &why));
                missing.push("/dev without shm, fd and pts, for the same reason".to_owned());
            }
        }
        Ok(Self {
            path,
            kind,
            retention: trial.retention,
            measured: Cell::new((0, Instant::now())),
        })
    }

    /// A directory that is there already.
    #[cfg(test)]
    pub(super) fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            kind: Kind::Measured,
            retention: Retention::Remove,
            measured: Cell::new((0, Instant::now())),
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How its size is kept to.
    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// Bytes in use, as far as is known at this moment.
    pub(super) fn used(&self) -> u64 {
        match self.kind {
            Kind::Mounted => statvfs(&self.path).map_or(0, |space| {
                (space.blocks() - space.blocks_free()) * space.fragment_size()
            }),
            Kind::Measured => self.measure(),
        }
    }

    fn measure(&self) -> u64 {
        let (last, due) = self.measured.get();
        let begun = Instant::now();
        if begun < due {
            return last;
        }
        let used = bytes_below(&self.path);
        let pause = begun.elapsed() * SHARE;
        self.measured.set((used, Instant::now() + pause));
        used
    }

    /// Removes it with everything in it, but for a workspace that is to stay.
    pub(super) fn remove(&self) {
        match (self.kind, self.retention) {
            (Kind::Mounted, _) => {
                let _busy = umount2(&self.path, MntFlags::MNT_DETACH);
                let _busy = fs::remove_dir(&self.path);
            }
            (Kind::Measured, Retention::Remove) => {
                let _busy = fs::remove_dir_all(&self.path);
            }
            (Kind::Measured, Retention::Keep) => {
                let _none = fs::remove_dir_all(self.path.join("shared"));
            }
        }
    }
}

/// Gives this process and its children mounts of their own. Call it while there is one thread.
fn own_namespace(supervisor: &Path) -> nix::Result<()> {
    if geteuid().is_root() {
        unshare(CloneFlags::CLONE_NEWNS)?;
    } else if Probe::UserNamespace.succeeds(supervisor) {
        probe::enter_user_namespace()?;
    } else {
        return Err(Errno::EPERM);
    }
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>)
}

fn mount_tmp(trial: &Trial<'_>, path: &Path) -> Result<(), String> {
    let size = trial.function.tmp;
    if trial.retention == Retention::Keep {
        return Err("it is to stay (--keep)".to_owned());
    }
    // It takes this machine's memory.
    let wanted = (u64::from(size) + u64::from(trial.function.memory)) * MIB;
    if available_memory().is_some_and(|available| available < wanted) {
        return Err("this machine has not enough free memory".to_owned());
    }
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    let options = format!("mode=1777,size={size}m");
    mount(
        Some("tmp"),
        path,
        Some("tmpfs"),
        flags,
        Some(options.as_str()),
    )
    .map_err(|error| format!("it cannot be mounted ({})", error.desc()))
}

fn not_mounted(trial: &Trial<'_>, path: &Path, why: &str) -> String {
    format!(
        "/tmp of {} MB: {why}; what is in {} is measured, and the run is stopped above it",
        trial.function.tmp,
        path.display()
    )
}

fn available_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

/// Bytes on disk of every file below `top`; a file with several names counts once.
fn bytes_below(top: &Path) -> u64 {
    let mut seen = HashSet::new();
    let mut directories = vec![top.to_owned()];
    let mut total = 0;
    while let Some(directory) = directories.pop() {
        // What is removed meanwhile counts no more.
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let Ok(found) = entry.metadata() else {
                continue;
            };
            if found.nlink() < 2 || found.is_dir() || seen.insert(found.ino()) {
                total += found.blocks() * 512;
            }
            if found.is_dir() {
                directories.push(entry.path());
            }
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_two_names_is_measured_once() {
        let top = tempfile::tempdir().unwrap();
        fs::create_dir(top.path().join("a")).unwrap();
        fs::write(top.path().join("a/one"), vec![1; 1 << 20]).unwrap();
        let before = bytes_below(top.path());
        assert!((1 << 20..2 << 20).contains(&before), "{before}");
        fs::hard_link(top.path().join("a/one"), top.path().join("two")).unwrap();
        assert_eq!(bytes_below(top.path()), before);
    }
}
