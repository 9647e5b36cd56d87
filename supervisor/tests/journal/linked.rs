//! The link to a run's own directory: made for it, and no reason to compare every file of the image.

use std::fs;
use std::path::Path;

use faas_supervisor::container::journal::Restored;

use crate::support::{World, append, change_mode, same, snapshot};

/// A directory of the machine, which the container has a link to.
const SHARED: &str = "/tmp/faas-x/0";
const LINK: &str = "tmp/faas-x/0";

/// Runs something with the link in place, and takes that away again as the supervisor does.
fn with_link(world: &World, change: impl Fn()) -> Restored {
    let mut journal = world.begin();
    let mut restored = Restored::Clean;
    for _ in 0..2 {
        journal.mark_dirty().unwrap();
        journal.link(Path::new(SHARED)).unwrap();
        assert_eq!(fs::read_link(world.at(LINK)).unwrap(), Path::new(SHARED));
        change();
        journal.run_is_over();
        // By whatever the run left of it.
        let _moved = fs::remove_file(world.at(LINK));
        let _full = fs::remove_dir(world.at("tmp/faas-x"));
        restored = journal.restore().unwrap();
    }
    restored
}

fn undoes(change: impl Fn(&World)) {
    let world = World::new();
    let before = snapshot(&world.root());
    with_link(&world, || change(&world));
    same(&before, &snapshot(&world.root()), "with a link");
}

#[test]
fn what_a_run_changes_is_undone() {
    undoes(|_| {});
    undoes(|world| append(&world.at("etc/passwd"), "a line").unwrap());
    undoes(|world| fs::write(world.at("tmp/faas-x/left"), "").unwrap());
    undoes(|world| fs::rename(world.at("tmp/faas-x"), world.at("etc/moved")).unwrap());
    undoes(|world| change_mode(&world.at("tmp/faas-x"), 0));
}

/// A name in the link's directory may be one of the image's files.
#[test]
fn what_is_written_by_a_name_beside_the_link_is_undone() {
    undoes(|world| {
        let other = world.at("tmp/faas-x/other");
        fs::hard_link(world.at("etc/passwd"), &other).unwrap();
        append(&other, "a line").unwrap();
        fs::remove_file(other).unwrap();
    });
    undoes(|world| {
        let link = world.at(LINK);
        fs::remove_file(&link).unwrap();
        fs::hard_link(world.at("etc/passwd"), &link).unwrap();
        append(&link, "a line").unwrap();
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(SHARED, link).unwrap();
    });
}

/// A file that is changed unseen, by a name outside, is what only a look at every file would find.
#[test]
fn the_link_alone_is_no_reason_to_compare_all_files() {
    let world = World::new();
    let outside = world.state().with_extension("outside");
    fs::hard_link(world.at("etc/passwd"), &outside).unwrap();
    world.age();
    let change = || append(&outside, "unseen").unwrap();
    assert_eq!(with_link(&world, change), Restored::Undone);
    let text = fs::read_to_string(world.at("etc/passwd")).unwrap();
    assert!(text.ends_with("unseenunseen"), "{text}");
}

#[test]
fn where_the_image_has_no_such_directory_nothing_is_made() {
    let world = World::new();
    let mut journal = world.begin();
    journal.link(Path::new("/there/is/none/0")).unwrap();
    journal.link(Path::new("/etc/app/0")).unwrap();
    journal.link(Path::new("/0")).unwrap();
    journal.run_is_over();
    assert!(!world.at("there").exists());
    assert!(!world.at("etc/app/0").exists());
    assert_eq!(journal.restore().unwrap(), Restored::Clean);
}
