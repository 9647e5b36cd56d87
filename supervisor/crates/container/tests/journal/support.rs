//! A container on disk, and what can be compared of it.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use container::rollback::{
    budget::Budget,
    journal::{Journal, Restored},
};

/// All watches there may be.
pub(crate) const MANY: usize = usize::MAX;

/// A container's directory.
pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
}

impl World {
    /// An image of small files, links and directories, and of some large files.
    pub(crate) fn new() -> Self {
        Self::new_in(tempfile::tempdir().unwrap())
    }

    pub(crate) fn new_in(dir: tempfile::TempDir) -> Self {
        let world = Self { dir };
        for dir in [
            "etc/app/deep",
            "etc/empty",
            "usr/bin",
            "usr/lib/a/b",
            "var/log",
            "tmp",
        ] {
            fs::create_dir_all(world.at(dir)).unwrap();
        }
        for (path, text) in [
            ("etc/passwd", "root:x:0:0"),
            ("etc/app/conf", "a = 1"),
            ("etc/app/deep/x", "x"),
            ("etc/none", ""),
            ("usr/lib/small", "small, yet without a copy"),
            ("usr/lib/a/b/c", "c"),
            ("usr/bin/tool", "#!/bin/sh"),
            ("var/log/messages", "boot"),
        ] {
            fs::write(world.at(path), text).unwrap();
        }
        fs::write(world.at("usr/bin/large"), vec![7; 300 << 10]).unwrap();
        fs::set_permissions(world.at("usr/bin/tool"), fs::Permissions::from_mode(0o4755)).unwrap();
        fs::set_permissions(world.at("etc/app"), fs::Permissions::from_mode(0o750)).unwrap();
        fs::hard_link(world.at("etc/passwd"), world.at("etc/app/passwd")).unwrap();
        fs::hard_link(world.at("etc/passwd"), world.at("usr/lib/passwd")).unwrap();
        symlink("../etc/passwd", world.at("usr/link")).unwrap();
        symlink("/nowhere", world.at("etc/dangling")).unwrap();
        nix::unistd::mkfifo(&world.at("etc/pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        world.age();
        world
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("ROOT")
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// As if it was unpacked long ago; and the clock goes on, so that changes can be told from it.
    pub(crate) fn age(&self) {
        let old = SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789);
        for path in snapshot(&self.root()).into_keys() {
            let path = self.root().join(path);
            let kind = fs::symlink_metadata(&path).unwrap().file_type();
            if kind.is_dir() || kind.is_file() {
                fs::File::open(&path).unwrap().set_modified(old).unwrap();
            }
        }
        environment::pause(Duration::from_millis(10));
    }

    pub(crate) fn begin(&self) -> Journal {
        self.begin_with(MANY)
    }

    pub(crate) fn begin_with(&self, watches: usize) -> Journal {
        Journal::begin_with(&self.root(), &self.state(), watches).unwrap()
    }

    /// Runs the change, and checks that it is undone, twice.
    pub(crate) fn undoes(&self, watches: usize, what: &str, change: impl Fn(&Self)) {
        self.undoes_to(&[Restored::Undone], watches, what, change);
    }

    /// The same for a change that may be none.
    pub(crate) fn undoes_if_any(&self, watches: usize, what: &str, change: impl Fn(&Self)) {
        self.undoes_to(&[Restored::Undone, Restored::Clean], watches, what, change);
    }

    fn undoes_to(&self, to: &[Restored], watches: usize, what: &str, change: impl Fn(&Self)) {
        let before = snapshot(&self.root());
        let mut journal = self.begin_with(watches);
        for round in 0..2 {
            journal.mark_dirty().unwrap();
            change(self);
            let restored = journal.restore(Budget::new(None)).unwrap();
            assert!(
                to.contains(&restored),
                "{what}, round {round}: {restored:?}"
            );
            same(&before, &snapshot(&self.root()), what);
            assert!(!self.state().join("dirty").exists());
            assert_eq!(
                fs::read_dir(self.state().join("quarantine"))
                    .unwrap()
                    .count(),
                0
            );
            if watches == MANY {
                // The kernel may report the end of what was undone a moment later, which costs a second look.
                let again = || journal.restore(Budget::new(None)).unwrap();
                let looks: Vec<Restored> = std::iter::repeat_with(again).take(2).collect();
                assert!(looks.contains(&Restored::Clean), "{what}: {looks:?}");
            }
        }
    }
}

/// One path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    mode: u32,
    owner: (u32, u32),
    modified: (i64, i64),
    content: Vec<u8>,
    /// The first path of the same inode.
    same_as: PathBuf,
    links: u64,
}

/// Everything below `root`, and `root` itself.
pub(crate) fn snapshot(root: &Path) -> BTreeMap<PathBuf, Item> {
    let (mut items, mut first) = (BTreeMap::new(), BTreeMap::new());
    let mut todo = vec![PathBuf::new()];
    while let Some(path) = todo.pop() {
        let full = root.join(&path);
        let meta = fs::symlink_metadata(&full).unwrap();
        let kind = meta.file_type();
        let mut content = Vec::new();
        if kind.is_dir() {
            let names = fs::read_dir(&full).unwrap();
            let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            todo.extend(names.iter().rev().map(|name| path.join(name)));
        } else if kind.is_symlink() {
            content = fs::read_link(&full)
                .unwrap()
                .into_os_string()
                .into_encoded_bytes();
        } else if kind.is_file() {
            content = fs::read(&full).unwrap();
        }
        let same_as = first.entry(meta.ino()).or_insert_with(|| path.clone());
        let item = Item {
            mode: meta.mode(),
            owner: (meta.uid(), meta.gid()),
            modified: (meta.mtime(), meta.mtime_nsec()),
            content,
            same_as: same_as.clone(),
            links: if kind.is_dir() { 0 } else { meta.nlink() },
        };
        items.insert(path, item);
    }
    items
}

/// Tells the first difference only: a tree is too much to read.
pub(crate) fn same(before: &BTreeMap<PathBuf, Item>, after: &BTreeMap<PathBuf, Item>, what: &str) {
    for (path, item) in before {
        assert_eq!(Some(item), after.get(path), "{what}: {}", path.display());
    }
    for path in after.keys() {
        assert!(
            before.contains_key(path),
            "{what}: {} is left",
            path.display()
        );
    }
}

/// Appends to a file.
pub(crate) fn append(path: &Path, text: &str) -> io::Result<()> {
    use io::Write as _;
    let mut file = fs::OpenOptions::new().append(true).open(path)?;
    file.write_all(text.as_bytes())
}

/// Writes something else of the same size, and hides that the time has changed.
pub(crate) fn forge(path: &Path) -> io::Result<()> {
    use io::Write as _;
    let mut file = fs::OpenOptions::new().write(true).open(path)?;
    let modified = file.metadata()?.modified()?;
    file.write_all(b"!")?;
    file.set_modified(modified)
}

/// Sets both times: one alone is told like a write.
pub(crate) fn touch(path: &Path) {
    let later = SystemTime::UNIX_EPOCH + Duration::from_hours(500_000);
    let times = fs::FileTimes::new().set_accessed(later).set_modified(later);
    fs::File::open(path).unwrap().set_times(times).unwrap();
}

pub(crate) fn change_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
