//! What a sandbox needs to be a place on Lambda: a disk for `/tmp`, a root directory, and a record of what was left.

#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

use std::cell::Cell;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::{chown, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::unistd::Uid;

use crate::confinement::Confinement;
use crate::disk::Disk;
use crate::function_root;

/// The user and the group of functions.
const USER: (u32, u32) = (993, 990);
/// The directory of a sandbox that all of this is in.
const DIRECTORY: &str = "lambda";
/// What the function keeps in `/tmp` from one environment to the next: the image store.
pub(crate) const SHARED: &str = "shared";

/// The parts of a sandbox that make it one on Lambda.
#[derive(Debug)]
pub(crate) struct LambdaPlace {
    _disk: Disk,
    directory: PathBuf,
    confinement: Confinement,
    starts: AtomicU32,
}

impl LambdaPlace {
    /// Makes them in the directory of a sandbox, whose `tmp` gets a file system of `size` bytes and `udocker` becomes a link
    /// into it. Nothing, and a word about it, for users who may not.
    pub(crate) fn make(sandbox: &Path, size: u64) -> Option<Self> {
        if !Uid::effective().is_root() {
            eprintln!(
                "SKIPPED: only root can imitate the sandbox of Lambda; run the tests as root"
            );
            return None;
        }
        let directory = sandbox.join(DIRECTORY);
        let (root, tmp) = (directory.join("root"), sandbox.join("tmp"));
        fs::create_dir_all(&root).unwrap();
        let disk = Disk::mount(&tmp, &directory.join("disk"), size);
        let store = tmp.join(SHARED).join("udocker");
        fs::create_dir_all(&store).unwrap();
        for path in [tmp.join(SHARED), store.clone()] {
            chown(path, Some(USER.0), Some(USER.1)).unwrap();
        }
        fs::remove_dir(sandbox.join("udocker")).unwrap();
        symlink(store, sandbox.join("udocker")).unwrap();
        let confinement = Confinement::new(root.clone(), tmp, PathBuf::new(), 0);
        let confinement = function_root::make(&root, confinement)
            .bind(&sandbox.join("work"), Path::new("/var/task"));
        Some(Self {
            _disk: disk,
            directory,
            confinement,
            starts: AtomicU32::new(0),
        })
    }

    /// How the next program is started.
    pub(crate) fn confinement(&self) -> Confinement {
        let number = self.starts.fetch_add(1, Ordering::Relaxed);
        let left = self.directory.join(format!("left-{number}"));
        self.confinement.clone().left(left).umask(next_umask())
    }

    /// What outlived the programs, one process a line.
    pub(crate) fn left(&self) -> String {
        let texts = self
            .files()
            .filter_map(|file| fs::read_to_string(file).ok());
        texts.collect()
    }

    /// The same, and forgets it.
    pub(crate) fn take_left(&self) -> String {
        let left = self.left();
        for file in self.files().filter(|file| file.exists()) {
            fs::remove_file(file).unwrap();
        }
        left
    }

    fn files(&self) -> impl Iterator<Item = PathBuf> {
        let number = self.starts.load(Ordering::Relaxed);
        (0..number).map(|number| self.directory.join(format!("left-{number}")))
    }
}

/// Both umasks in turn; which one is first depends on the test, so that each kind of test meets both.
fn next_umask() -> u32 {
    thread_local! { static STARTS: Cell<u64> = const { Cell::new(0) } }
    let number = STARTS.replace(STARTS.get() + 1);
    let mut hasher = DefaultHasher::new();
    std::thread::current().name().hash(&mut hasher);
    if hasher.finish().wrapping_add(number).is_multiple_of(2) {
        0o022
    } else {
        0o077
    }
}
