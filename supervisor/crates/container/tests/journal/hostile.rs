//! What a run leaves to harm the next one, or what is outside.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt as _, fs::symlink, net::UnixListener},
};

use nix::{
    fcntl::{OFlag, open, openat},
    sys::stat::{Mode, mkdirat},
};

use container::rollback::budget::Budget;

use crate::support::{MANY, World, append, change_mode, same, snapshot};

#[test]
fn nothing_outside_is_touched() {
    let outside = World::new();
    let before = snapshot(&outside.root());
    for watches in [MANY, 0] {
        let world = World::new();
        world.undoes(watches, "links", |w| {
            // Where directories of the image were, with the same in them.
            fs::remove_dir_all(w.at("etc")).unwrap();
            symlink(outside.at("etc"), w.at("etc")).unwrap();
            fs::remove_dir_all(w.at("var/log")).unwrap();
            symlink(outside.at("var/log"), w.at("var/log")).unwrap();
            // In what the run made itself.
            fs::create_dir_all(w.at("tmp/a/b")).unwrap();
            symlink(outside.root(), w.at("tmp/a/b/c")).unwrap();
            symlink("/", w.at("tmp/root")).unwrap();
        });
    }
    same(&before, &snapshot(&outside.root()), "outside");
}

#[test]
fn a_link_for_a_file_is_not_written_through() {
    let outside = World::new();
    let before = snapshot(&outside.root());
    World::new().undoes(MANY, "links", |w| {
        fs::remove_file(w.at("etc/app/conf")).unwrap();
        symlink(outside.at("usr/bin/large"), w.at("etc/app/conf")).unwrap();
        fs::remove_file(w.at("etc/none")).unwrap();
        fs::hard_link(outside.at("usr/bin/tool"), w.at("etc/none")).unwrap();
    });
    same(&before, &snapshot(&outside.root()), "outside");
}

/// A later change by the name outside would go unseen.
#[test]
fn a_file_held_from_outside_is_made_anew() {
    let outside = tempfile::tempdir().unwrap();
    let world = World::new();
    let before = snapshot(&world.root());
    let mut journal = world.begin();
    let held = outside.path().join("held");
    fs::hard_link(world.at("usr/lib/passwd"), &held).unwrap();
    append(&world.at("etc/passwd"), "x").unwrap();
    journal.restore(Budget::new(None)).unwrap();
    fs::write(&held, "x").unwrap();
    same(&before, &snapshot(&world.root()), "held");
}

#[test]
fn odd_names_and_kinds() {
    World::new().undoes(MANY, "odd", |w| {
        for name in [&b"a\nb"[..], b"\xff\xfe", b" ", b"...", &[b'x'; 255]] {
            fs::create_dir(w.at("etc").join(OsStr::from_bytes(name))).unwrap();
        }
        nix::unistd::mkfifo(&w.at("tmp/pipe"), Mode::S_IRWXU).unwrap();
        drop(UnixListener::bind(w.at("tmp/socket")).unwrap());
        fs::remove_file(w.at("etc/app/conf")).unwrap();
        nix::unistd::mkfifo(&w.at("etc/app/conf"), Mode::S_IRWXU).unwrap();
    });
}

#[test]
fn no_mode_is_in_the_way() {
    World::new().undoes(MANY, "modes", |w| {
        fs::create_dir_all(w.at("tmp/a/b/c")).unwrap();
        for path in [
            "tmp/a/b/c",
            "tmp/a/b",
            "tmp/a",
            "etc/app/deep",
            "etc/app",
            "etc",
            "tmp",
        ] {
            change_mode(&w.at(path), 0);
        }
        change_mode(&w.at("var/log/messages"), 0o444);
    });
}

#[test]
fn ten_thousand_levels() {
    // Where directories cost nothing.
    let memory = tempfile::tempdir_in("/dev/shm");
    World::new_in(memory.unwrap()).undoes(MANY, "deep", |w| {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY;
        let mut at = open(&w.at("tmp"), flags, Mode::empty()).unwrap();
        for level in 0..10_000 {
            mkdirat(&at, "d", Mode::S_IRWXU).unwrap();
            at = openat(&at, "d", flags, Mode::empty()).unwrap();
            if level == 9_998 {
                fs::rename(w.at("etc/app"), format!("/proc/self/fd/{}/app", fd(&at))).unwrap();
            }
        }
    });
}

fn fd(fd: &impl std::os::fd::AsRawFd) -> i32 {
    fd.as_raw_fd()
}

#[test]
fn a_directory_of_very_many() {
    World::new().undoes(MANY, "many", |w| {
        fs::create_dir(w.at("etc/many")).unwrap();
        for number in 0..20_000 {
            fs::write(w.at(&format!("etc/many/{number}")), "").unwrap();
            if number % 4 == 0 {
                fs::write(w.at(&format!("etc/app/{number}")), "").unwrap();
            }
        }
    });
}
