//! What cannot be put back is told, and kept the next time.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use container::rollback::{
    budget::Budget,
    journal::{Journal, JournalError, Restored},
};

use crate::support::{World, append, change_mode, forge, same, snapshot};

fn lost(paths: &[&str]) -> Restored {
    Restored::Lost {
        paths: paths.iter().map(PathBuf::from).collect(),
    }
}

#[test]
fn what_has_no_copy_is_lost_once() {
    let changes: [fn(&World); 3] = [
        |w| fs::write(w.at("usr/bin/large"), "x").unwrap(),
        |w| fs::remove_file(w.at("usr/bin/large")).unwrap(),
        |w| {
            fs::create_dir(w.at("tmp/d")).unwrap();
            fs::hard_link(w.at("usr/bin/large"), w.at("tmp/d/h")).unwrap();
            append(&w.at("tmp/d/h"), "x").unwrap();
            fs::remove_dir_all(w.at("tmp/d")).unwrap();
        },
    ];
    for change in changes {
        let world = World::new();
        let mut journal = world.begin();
        journal.mark_dirty().unwrap();
        change(&world);
        assert_eq!(
            journal.restore(Budget::new(None)).unwrap(),
            lost(&["usr/bin/large"])
        );
        // And stays so.
        assert_eq!(
            journal.restore(Budget::new(None)).unwrap(),
            lost(&["usr/bin/large"])
        );
        drop(journal);
        let again = Journal::begin(&world.root(), &world.state());
        assert!(matches!(again, Err(JournalError::Unfinished)), "{again:?}");

        let state = World::new();
        fs::remove_dir_all(world.root()).unwrap();
        fs::rename(state.root(), world.root()).unwrap();
        Journal::renewed(&world.state()).unwrap();
        world.undoes(usize::MAX, "noted", change);
    }
}

#[test]
fn a_name_that_is_no_text_is_noted() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};
    let world = World::new();
    let path = world.at("usr/lib").join(OsStr::from_bytes(b"a\nb\xff"));
    fs::write(&path, "x").unwrap();
    world.age();
    let mut journal = world.begin();
    fs::remove_file(&path).unwrap();
    assert!(matches!(
        journal.restore(Budget::new(None)).unwrap(),
        Restored::Lost { .. }
    ));
    fs::write(&path, "x").unwrap();
    world.age();
    let before = snapshot(&world.root());
    let mut journal = world.begin();
    fs::remove_file(&path).unwrap();
    assert_eq!(
        journal.restore(Budget::new(None)).unwrap(),
        Restored::Undone
    );
    same(&before, &snapshot(&world.root()), "noted");
}

#[test]
fn the_list_of_lost_paths_is_bounded() {
    let world = World::new();
    for number in 0..300 {
        fs::write(world.at(&format!("usr/lib/{number}")), "x").unwrap();
    }
    let mut journal = world.begin();
    fs::remove_dir_all(world.at("usr/lib")).unwrap();
    let Restored::Lost { paths } = journal.restore(Budget::new(None)).unwrap() else {
        panic!("nothing was lost");
    };
    assert_eq!(paths.len(), 256);
    let noted = fs::read(world.state().join("noted")).unwrap();
    assert_eq!(noted.split(|byte| *byte == 0).count(), 257);
}

/// What was lost is known before anything is restored.
#[test]
fn nothing_is_restored_where_a_file_is_lost() {
    let world = World::new();
    for number in 0..1_000 {
        fs::write(world.at(&format!("etc/app/{number}")), "x").unwrap();
    }
    let mut journal = world.begin();
    fs::remove_dir_all(world.at("etc/app")).unwrap();
    fs::remove_file(world.at("usr/bin/large")).unwrap();
    let restored = journal.restore(Budget::new(None)).unwrap();
    assert_eq!(restored, lost(&["usr/bin/large"]));
    assert!(!world.at("etc/app/1").exists());
}

/// Nothing of the file tells of it but that its inode has changed, and the events' names are others'.
#[test]
fn forged_contents_are_lost() {
    let changes: [fn(&World); 4] = [
        |w| forge(&w.at("usr/bin/large")).unwrap(),
        |w| {
            fs::rename(w.at("usr/bin/large"), w.at("etc/none")).unwrap();
            forge(&w.at("etc/none")).unwrap();
            fs::rename(w.at("etc/none"), w.at("usr/bin/large")).unwrap();
        },
        |w| {
            fs::remove_file(w.at("etc/none")).unwrap();
            fs::hard_link(w.at("usr/bin/large"), w.at("etc/none")).unwrap();
            forge(&w.at("etc/none")).unwrap();
            fs::remove_file(w.at("etc/none")).unwrap();
        },
        // Where inodes came, one of the same number may be another.
        |w| {
            fs::rename(w.at("usr/bin/large"), w.at("tmp/moved")).unwrap();
            std::os::unix::fs::symlink("x", w.at("tmp/link")).unwrap();
        },
    ];
    for change in changes {
        let world = World::new();
        let mut journal = world.begin();
        change(&world);
        assert_eq!(
            journal.restore(Budget::new(None)).unwrap(),
            lost(&["usr/bin/large"])
        );
    }
}

/// Its metadata were changed where nobody could see whether its content was, too.
#[test]
fn what_is_doubtful_is_lost() {
    let world = World::new();
    let mut journal = world.begin();
    fs::hard_link(world.at("usr/bin/large"), world.at("tmp/h")).unwrap();
    change_mode(&world.at("tmp/h"), 0o4777);
    fs::remove_file(world.at("tmp/h")).unwrap();
    assert_eq!(
        journal.restore(Budget::new(None)).unwrap(),
        lost(&["usr/bin/large"])
    );
}

#[test]
fn the_root_is_moved() {
    let world = World::new();
    let mut journal = world.begin();
    fs::rename(world.root(), world.dir.path().join("x")).unwrap();
    fs::create_dir(world.root()).unwrap();
    assert_eq!(journal.restore(Budget::new(None)).unwrap(), lost(&[""]));
}

#[test]
fn a_process_that_dies_leaves_its_mark() {
    let world = World::new();
    world.begin().mark_dirty().unwrap();
    fs::create_dir_all(world.state().join("quarantine/7/a")).unwrap();
    fs::write(world.state().join("quarantine/8"), "").unwrap();
    let again = Journal::begin(&world.root(), &world.state());
    assert!(matches!(again, Err(JournalError::Unfinished)));
    Journal::renewed(&world.state()).unwrap();
    world.begin();
    assert_eq!(
        fs::read_dir(world.state().join("quarantine"))
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn two_file_systems_are_refused() {
    let world = World::new();
    let other = tempfile::tempdir_in("/dev/shm").unwrap();
    let device = |path: &Path| fs::metadata(path).unwrap().dev();
    let refused = Journal::begin(&world.root(), &other.path().join("state")).err();
    assert_eq!(
        matches!(refused, Some(JournalError::OtherFileSystem { .. })),
        device(&world.root()) != device(other.path()),
        "{refused:?}"
    );
}
