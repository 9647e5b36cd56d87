//! The link to a run's own directory: made for it, and no reason to compare every file of the image.

use std::fs;
use std::path::Path;

use container::rollback::{
    budget::Budget,
    journal::{Inside, Restored},
};

use crate::support::{World, append, change_mode, same, snapshot};

/// Runs something in a container that has a link to a directory of the machine, which is the second argument, and takes the
/// link away again as the supervisor does.
fn with_link(world: &World, change: impl Fn(&Path)) -> Restored {
    let mut journal = world.begin();
    let mut restored = Restored::Clean;
    for _ in 0..2 {
        let shared = tempfile::tempdir_in("/tmp").unwrap();
        let run = shared.path().join("0");
        fs::create_dir_all(run.join("output/deep")).unwrap();
        fs::write(run.join("script"), "").unwrap();
        let link = world.root().join(run.strip_prefix("/").unwrap());
        journal.mark_dirty().unwrap();
        journal.share(&run, Some(Inside::Link)).unwrap();
        assert_eq!(fs::read_link(&link).unwrap(), run);
        change(&run);
        journal.run_is_over();
        // By whatever the run left of it.
        let _moved = fs::remove_file(&link);
        let _full = fs::remove_dir(link.parent().unwrap());
        restored = journal.restore(Budget::new(None)).unwrap();
    }
    restored
}

/// `change` gets the world, the directory that is shared, and that which the link to it is in.
fn undoes(change: impl Fn(&World, &Path, &Path)) {
    let world = World::new();
    let before = snapshot(&world.root());
    with_link(&world, |run| {
        let inside = world.root().join(run.strip_prefix("/").unwrap());
        change(&world, run, inside.parent().unwrap());
    });
    same(&before, &snapshot(&world.root()), "with a link");
}

#[test]
fn what_a_run_changes_is_undone() {
    undoes(|_, _, _| {});
    undoes(|world, _, _| append(&world.at("etc/passwd"), "a line").unwrap());
    undoes(|_, _, inside| fs::write(inside.join("left"), "").unwrap());
    undoes(|world, _, inside| fs::rename(inside, world.at("etc/moved")).unwrap());
    undoes(|_, _, inside| change_mode(inside, 0));
}

/// A name in the link's directory may be one of the image's files.
#[test]
fn what_is_written_by_a_name_beside_the_link_is_undone() {
    undoes(|world, _, inside| {
        let other = inside.join("other");
        fs::hard_link(world.at("etc/passwd"), &other).unwrap();
        append(&other, "a line").unwrap();
        fs::remove_file(other).unwrap();
    });
    undoes(|world, run, inside| {
        let link = inside.join("0");
        fs::remove_file(&link).unwrap();
        fs::hard_link(world.at("etc/passwd"), &link).unwrap();
        append(&link, "a line").unwrap();
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(run, link).unwrap();
    });
}

/// So may one in the directories that the run shares with the machine.
#[test]
fn what_is_written_by_a_name_among_the_outputs_is_undone() {
    for place in ["x", "output/x", "output/deep/x"] {
        // It stays, it goes, it has another name by then, something else has its name.
        for end in 0..4 {
            undoes(|world, run, _| {
                let other = run.join(place);
                fs::hard_link(world.at("etc/passwd"), &other).unwrap();
                append(&other, "a line").unwrap();
                change_mode(&other, 0o777);
                match end {
                    0 => {}
                    1 => fs::remove_file(&other).unwrap(),
                    2 => fs::rename(&other, run.join("moved")).unwrap(),
                    _ => {
                        fs::write(run.join("new"), "").unwrap();
                        fs::rename(run.join("new"), &other).unwrap();
                    }
                }
            });
        }
    }
    undoes(|world, run, _| {
        fs::create_dir(run.join("output/new")).unwrap();
        let other = run.join("output/new/x");
        fs::hard_link(world.at("etc/passwd"), &other).unwrap();
        append(&other, "a line").unwrap();
        fs::remove_dir_all(run.join("output/new")).unwrap();
    });
}

/// A file that is changed unseen, by a name elsewhere on the machine, is what only a look at every file finds.
#[test]
fn neither_the_link_nor_outputs_are_a_reason_to_compare_all_files() {
    let world = World::new();
    let outside = world.state().with_extension("outside");
    fs::hard_link(world.at("etc/passwd"), &outside).unwrap();
    world.age();
    let change = |run: &Path| {
        append(&outside, "unseen").unwrap();
        fs::write(run.join("output/result"), "a result").unwrap();
        fs::write(run.join("output/deep/log"), "a line").unwrap();
    };
    assert_eq!(with_link(&world, change), Restored::Undone);
    let text = fs::read_to_string(world.at("etc/passwd")).unwrap();
    assert!(text.ends_with("unseenunseen"), "{text}");
}

#[test]
fn where_the_image_has_no_such_directory_nothing_is_made() {
    let world = World::new();
    let mut journal = world.begin();
    // The image has no /var/tmp.
    let shared = tempfile::tempdir_in("/var/tmp").unwrap();
    let run = shared.path().join("0");
    fs::create_dir(&run).unwrap();
    journal.share(&run, Some(Inside::Link)).unwrap();
    journal.run_is_over();
    assert!(!world.at("var/tmp").exists());
    let restored = journal.restore(Budget::new(None)).unwrap();
    assert_eq!(restored, Restored::Clean);
    for path in ["/there/is/none/0", "/etc/app/0", "/0"] {
        journal.share(Path::new(path), Some(Inside::Link)).unwrap();
        journal.run_is_over();
        assert!(!world.root().join(&path[1..]).exists(), "{path}");
    }
}

/// An engine puts the run's directory in the place of an empty one, and removes that.
#[test]
fn a_mount_point_is_no_reason_to_compare_all_files() {
    let (world, outside) = world_with_a_name_outside();
    let mut journal = world.begin();
    let shared = tempfile::tempdir_in("/tmp").unwrap();
    let run = shared.path().join("0");
    fs::create_dir(&run).unwrap();
    journal.share(&run, Some(Inside::MountPoint)).unwrap();
    let mount_point = world.root().join(run.strip_prefix("/").unwrap());
    append(&outside, "unseen").unwrap();
    fs::write(run.join("result"), "a result").unwrap();
    fs::remove_dir(&mount_point).unwrap();
    fs::remove_dir(mount_point.parent().unwrap()).unwrap();
    journal.run_is_over();
    let restored = journal.restore(Budget::new(None)).unwrap();
    assert_eq!(restored, Restored::Undone);
    let text = fs::read_to_string(world.at("etc/passwd")).unwrap();
    assert!(text.ends_with("unseen"), "{text}");
}

#[test]
fn new_files_are_no_reason_to_compare_all_files() {
    let changes: [fn(&World); 4] = [
        |w| fs::write(w.at("tmp/new"), "new").unwrap(),
        |w| {
            fs::write(w.at("var/log/new"), "new").unwrap();
            change_mode(&w.at("var/log/new"), 0o600);
            fs::rename(w.at("var/log/new"), w.at("var/log/messages")).unwrap();
        },
        |w| {
            fs::write(w.at("tmp/lock"), "").unwrap();
            fs::rename(w.at("tmp/lock"), w.at("tmp/moved")).unwrap();
        },
        |w| std::os::unix::fs::symlink("passwd", w.at("tmp/link")).unwrap(),
    ];
    for change in changes {
        let (world, outside) = world_with_a_name_outside();
        let mut journal = world.begin();
        append(&outside, "unseen").unwrap();
        change(&world);
        let restored = journal.restore(Budget::new(None)).unwrap();
        assert_eq!(restored, Restored::Undone);
        let text = fs::read_to_string(world.at("etc/passwd")).unwrap();
        assert!(text.ends_with("unseen"), "{text}");
    }
}

/// A file of the image has a name elsewhere on the machine: what is written by that is what only a look at every file finds.
fn world_with_a_name_outside() -> (World, std::path::PathBuf) {
    let world = World::new();
    let outside = world.state().with_extension("outside");
    fs::hard_link(world.at("etc/passwd"), &outside).unwrap();
    world.age();
    (world, outside)
}
