//! Each kind of change is undone, and nothing costs anything where nothing changed.

use std::{
    fs,
    os::unix::fs::symlink,
    time::{Duration, Instant},
};

use container::rollback::{
    budget::Budget,
    journal::{Journal, Restored},
};

use crate::support::{MANY, World, append, change_mode, forge, same, snapshot, touch};

type Change = (&'static str, fn(&World));

const CONTENTS: [Change; 14] = [
    ("write", |w| fs::write(w.at("etc/app/conf"), "b").unwrap()),
    ("write the same size and time", |w| {
        forge(&w.at("etc/app/conf")).unwrap();
    }),
    ("write one of several names and remove it", |w| {
        append(&w.at("etc/passwd"), "more").unwrap();
        fs::remove_file(w.at("etc/passwd")).unwrap();
    }),
    ("append", |w| {
        append(&w.at("var/log/messages"), "more").unwrap();
    }),
    ("fill what was empty", |w| {
        fs::write(w.at("etc/none"), "b").unwrap();
    }),
    ("truncate", |w| {
        nix::unistd::truncate(&w.at("etc/app/conf"), 2).unwrap();
    }),
    ("write through a hard link", |w| {
        append(&w.at("usr/lib/passwd"), "more").unwrap();
    }),
    ("write by a name that is gone", |w| {
        fs::create_dir(w.at("tmp/d")).unwrap();
        fs::hard_link(w.at("etc/app/conf"), w.at("tmp/d/h")).unwrap();
        fs::write(w.at("tmp/d/h"), "b = 1").unwrap();
        fs::remove_dir_all(w.at("tmp/d")).unwrap();
    }),
    ("write by a new name that stays", |w| {
        fs::hard_link(w.at("etc/app/conf"), w.at("tmp/h")).unwrap();
        fs::write(w.at("tmp/h"), "b = 1").unwrap();
    }),
    ("write by a new name that moves to the old one", |w| {
        fs::hard_link(w.at("etc/app/conf"), w.at("tmp/h")).unwrap();
        forge(&w.at("tmp/h")).unwrap();
        fs::remove_file(w.at("etc/app/conf")).unwrap();
        fs::rename(w.at("tmp/h"), w.at("etc/app/conf")).unwrap();
    }),
    ("write by a new name that another takes", |w| {
        fs::hard_link(w.at("etc/app/conf"), w.at("tmp/h")).unwrap();
        forge(&w.at("tmp/h")).unwrap();
        fs::write(w.at("tmp/x"), "").unwrap();
        fs::rename(w.at("tmp/x"), w.at("tmp/h")).unwrap();
    }),
    ("write by a new name in a directory that moves", |w| {
        fs::hard_link(w.at("etc/app/conf"), w.at("usr/lib/h")).unwrap();
        forge(&w.at("usr/lib/h")).unwrap();
        fs::rename(w.at("usr/lib"), w.at("usr/x")).unwrap();
        fs::rename(w.at("usr/bin"), w.at("usr/lib")).unwrap();
        fs::write(w.at("usr/lib/h"), "").unwrap();
    }),
    ("replace", |w| {
        fs::write(w.at("etc/new"), "b").unwrap();
        fs::rename(w.at("etc/new"), w.at("etc/app/conf")).unwrap();
    }),
    ("replace one of several names", |w| {
        fs::write(w.at("etc/new"), "b").unwrap();
        fs::rename(w.at("etc/new"), w.at("etc/passwd")).unwrap();
    }),
];

const NAMES: [Change; 17] = [
    ("create", |w| fs::write(w.at("usr/bin/new"), "").unwrap()),
    ("create and remove", |w| {
        fs::write(w.at("tmp/new"), "").unwrap();
        fs::remove_file(w.at("tmp/new")).unwrap();
    }),
    ("create a tree", |w| {
        fs::create_dir_all(w.at("tmp/a/b/c")).unwrap();
        fs::write(w.at("tmp/a/b/x"), "").unwrap();
        symlink("x", w.at("tmp/a/b/c/y")).unwrap();
    }),
    ("remove", |w| fs::remove_file(w.at("etc/app/conf")).unwrap()),
    ("remove what was empty", |w| {
        fs::remove_file(w.at("etc/none")).unwrap();
    }),
    ("remove all names", |w| {
        for path in ["etc/passwd", "etc/app/passwd", "usr/lib/passwd"] {
            fs::remove_file(w.at(path)).unwrap();
        }
    }),
    ("remove a link and a pipe", |w| {
        fs::remove_file(w.at("etc/dangling")).unwrap();
        fs::remove_file(w.at("etc/pipe")).unwrap();
    }),
    ("change a link", |w| {
        fs::remove_file(w.at("usr/link")).unwrap();
        symlink("elsewhere", w.at("usr/link")).unwrap();
    }),
    ("remove a tree", |w| {
        fs::remove_dir_all(w.at("etc")).unwrap();
    }),
    ("remove an empty directory", |w| {
        fs::remove_dir(w.at("etc/empty")).unwrap();
    }),
    ("rename without a copy", |w| {
        fs::rename(w.at("usr/bin/large"), w.at("tmp/there")).unwrap();
    }),
    ("swap files without a copy", |w| {
        fs::rename(w.at("usr/bin/large"), w.at("usr/x")).unwrap();
        fs::rename(w.at("usr/bin/tool"), w.at("usr/bin/large")).unwrap();
        fs::rename(w.at("usr/x"), w.at("usr/bin/tool")).unwrap();
    }),
    ("rename a directory", |w| {
        fs::rename(w.at("usr"), w.at("etc/usr")).unwrap();
    }),
    ("rename a directory into what was in it", |w| {
        fs::rename(w.at("usr/lib/a"), w.at("a")).unwrap();
        fs::rename(w.at("usr"), w.at("a/b/usr")).unwrap();
    }),
    ("swap directories and change them", |w| {
        fs::rename(w.at("etc"), w.at("x")).unwrap();
        fs::rename(w.at("usr"), w.at("etc")).unwrap();
        fs::rename(w.at("x"), w.at("usr")).unwrap();
        append(&w.at("usr/app/conf"), "b").unwrap();
        fs::write(w.at("etc/bin/new"), "b").unwrap();
    }),
    ("hide a directory", |w| {
        fs::create_dir_all(w.at("tmp/a/b")).unwrap();
        fs::rename(w.at("etc/app"), w.at("tmp/a/b/c")).unwrap();
        fs::rename(w.at("etc"), w.at("tmp/a/d")).unwrap();
        fs::create_dir_all(w.at("etc/app")).unwrap();
    }),
    ("a file for a directory, a directory for a file", |w| {
        fs::remove_dir_all(w.at("etc/app")).unwrap();
        fs::write(w.at("etc/app"), "").unwrap();
        fs::remove_file(w.at("var/log/messages")).unwrap();
        fs::create_dir_all(w.at("var/log/messages/a")).unwrap();
    }),
];

const ATTRIBUTES: [Change; 6] = [
    ("mode", |w| change_mode(&w.at("usr/bin/tool"), 0o600)),
    ("mode of a directory", |w| {
        change_mode(&w.at("etc/app"), 0o777);
    }),
    ("mode of a directory that nobody may enter", |w| {
        append(&w.at("etc/app/conf"), "b").unwrap();
        change_mode(&w.at("etc/app"), 0);
    }),
    ("mode of the root", |w| change_mode(&w.root(), 0o700)),
    ("time", |w| touch(&w.at("usr/bin/large"))),
    ("time of a directory", |w| touch(&w.at("etc/empty"))),
];

#[test]
fn each_kind_of_change_is_undone() {
    for (what, change) in CONTENTS.into_iter().chain(NAMES).chain(ATTRIBUTES) {
        World::new().undoes(MANY, what, change);
    }
}

/// Then every file whose inode has changed may hold anything; these changes leave it to files that have a copy.
#[test]
fn contents_are_put_back_without_a_single_watch() {
    for watches in [0, 1, 5] {
        for (what, change) in CONTENTS {
            World::new().undoes(watches, what, change);
        }
    }
}

#[test]
fn nothing_changed() {
    let world = World::new();
    let mut journal = world.begin();
    fs::read(world.at("etc/passwd")).unwrap();
    fs::read_dir(world.at("etc")).unwrap().count();
    for _ in 0..3 {
        assert_eq!(journal.restore(Budget::new(None)).unwrap(), Restored::Clean);
    }
}

#[test]
fn the_queue_overflows() {
    let world = World::new();
    world.undoes(MANY, "overflow", |w| {
        events(w, most_events() + 1);
        // Nothing of this is told any more.
        fs::remove_dir_all(w.at("etc")).unwrap();
        fs::write(w.at("var/log/new"), "").unwrap();
    });
}

/// What was removed while events were dropped is watched again.
#[test]
fn changes_after_an_overflow_are_seen() {
    let world = World::new();
    let before = snapshot(&world.root());
    let mut journal = world.begin();
    events(&world, most_events() + 1);
    fs::remove_dir_all(world.at("etc")).unwrap();
    assert_eq!(
        journal.restore(Budget::new(None)).unwrap(),
        Restored::Undone
    );
    append(&world.at("etc/app/conf"), "more").unwrap();
    assert_eq!(
        journal.restore(Budget::new(None)).unwrap(),
        Restored::Undone
    );
    same(&before, &snapshot(&world.root()), "after an overflow");
}

/// A file that was put right is no doubtful one in the next run.
#[test]
fn what_is_undone_is_known_again() {
    let world = World::new();
    let mut journal = world.begin();
    touch(&world.at("usr/bin/large"));
    assert_eq!(
        journal.restore(Budget::new(None)).unwrap(),
        Restored::Undone
    );
    fs::create_dir(world.at("tmp/new")).unwrap();
    assert_eq!(
        journal.restore(Budget::new(None)).unwrap(),
        Restored::Undone
    );
}

/// Nothing is restored of a container that is rebuilt anyway.
#[test]
fn restoring_ends_when_it_takes_longer_than_it_may() {
    let world = World::new();
    for number in 0..20_000 {
        fs::write(world.at(&format!("etc/app/{number}")), "x").unwrap();
    }
    let mut journal = world.begin();
    journal.mark_dirty().unwrap();
    fs::remove_dir_all(world.at("etc/app")).unwrap();
    let (began, limit) = (Instant::now(), Duration::from_millis(300));
    let restored = journal.restore(Budget::new(Some(limit))).unwrap();
    let took = began.elapsed();
    assert_eq!(restored, Restored::TooSlow);
    assert!(took < limit * 2, "{took:?}");
    assert!(Journal::is_unfinished(&world.state()));
}

/// So many events, not one of them the same as the one before, for the kernel tells that once.
fn events(world: &World, number: usize) {
    for number in 0..number {
        let path = ["etc/none", "etc/app/conf"][number % 2];
        change_mode(&world.at(path), 0o600);
    }
}

fn most_events() -> usize {
    let most = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    most.trim().parse().unwrap()
}
