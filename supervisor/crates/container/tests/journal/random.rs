//! Any sequence of changes below a tree of small files is undone.

use std::{fs, os::unix::fs::symlink};

use container::rollback::{budget::Budget, journal::Restored};
use proptest::prelude::*;

use crate::support::{MANY, World, append, change_mode, forge, same, snapshot};

/// Names are drawn from few, so that operations meet each other.
#[derive(Debug, Clone)]
enum Operation {
    Write(String),
    Append(String),
    Remove(String),
    RemoveTree(String),
    Rename(String, String),
    Mode(String, u32),
    Symlink(String, String),
    Link(String, String),
    Directory(String),
    Truncate(String),
    /// Another content of the same size, and the time as it was.
    Forge(String),
}

type Names = &'static [&'static str];

/// Where every file has a copy.
const ETC: (Names, Names) = (
    &["etc"],
    &["app", "passwd", "conf", "deep", "x", "empty", "none", "new"],
);
const ANYWHERE: (Names, Names) = (
    &["etc", "usr", "usr/bin", "usr/lib", "var", "tmp"],
    &[
        "app", "passwd", "conf", "a", "b", "c", "large", "tool", "small", "link", "lib",
    ],
);

fn path((tops, names): (Names, Names)) -> impl Strategy<Value = String> {
    let below = prop::collection::vec(prop::sample::select(names), 0..4);
    (prop::sample::select(tops), below).prop_map(|(top, names)| {
        let mut path = top.to_owned();
        for name in names {
            path = format!("{path}/{name}");
        }
        path
    })
}

fn operation(names: (Names, Names)) -> impl Strategy<Value = Operation> {
    let path = move || path(names);
    prop_oneof![
        path().prop_map(Operation::Write),
        path().prop_map(Operation::Append),
        path().prop_map(Operation::Remove),
        path().prop_map(Operation::RemoveTree),
        (path(), path()).prop_map(|(a, b)| Operation::Rename(a, b)),
        (path(), 0_u32..0o10000).prop_map(|(a, mode)| Operation::Mode(a, mode)),
        (path(), path()).prop_map(|(a, b)| Operation::Symlink(a, b)),
        (path(), path()).prop_map(|(a, b)| Operation::Link(a, b)),
        path().prop_map(Operation::Directory),
        path().prop_map(Operation::Truncate),
        path().prop_map(Operation::Forge),
    ]
}

/// What cannot be done is not done.
fn apply(world: &World, operation: &Operation) {
    let at = |path: &String| world.at(path);
    let _impossible = match operation {
        Operation::Write(path) | Operation::Append(path) | Operation::Forge(path)
            if is_pipe(world, path) =>
        {
            Ok(())
        }
        Operation::Write(path) => fs::write(at(path), path),
        Operation::Append(path) => append(&at(path), "more"),
        Operation::Remove(path) => fs::remove_file(at(path)).or_else(|_| fs::remove_dir(at(path))),
        Operation::RemoveTree(path) => fs::remove_dir_all(at(path)),
        Operation::Rename(from, to) => fs::rename(at(from), at(to)),
        Operation::Mode(path, mode) => {
            if at(path)
                .symlink_metadata()
                .is_ok_and(|meta| !meta.is_symlink())
            {
                change_mode(&at(path), *mode);
            }
            Ok(())
        }
        Operation::Symlink(target, path) => symlink(world.at(target), at(path)),
        Operation::Link(from, to) => fs::hard_link(at(from), at(to)),
        Operation::Directory(path) => fs::create_dir(at(path)),
        Operation::Forge(path) => forge(&at(path)),
        Operation::Truncate(path) => nix::unistd::truncate(&at(path), 1).map_err(Into::into),
    };
}

/// To open one would wait for ever.
fn is_pipe(world: &World, path: &str) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    fs::metadata(world.at(path)).is_ok_and(|meta| meta.file_type().is_fifo())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_changes_are_undone(
        operations in prop::collection::vec(operation(ETC), 1..30),
        watches in watches(),
    ) {
        let world = World::new();
        world.undoes_if_any(watches, "random", |w| {
            for operation in &operations {
                apply(w, operation);
            }
        });
    }

    #[test]
    fn what_is_not_lost_is_as_before(
        operations in prop::collection::vec(operation(ANYWHERE), 1..12),
        watches in watches(),
    ) {
        let world = World::new();
        let before = snapshot(&world.root());
        let mut journal = world.begin_with(watches);
        for operation in &operations {
            apply(&world, operation);
        }
        if !matches!(journal.restore(Budget::new(None)).unwrap(), Restored::Lost { .. }) {
            same(&before, &snapshot(&world.root()), "random");
        }
    }
}

/// Half the usual number: each case makes a tree.
fn config() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: usual.cases / 2,
        ..usual
    }
}

fn watches() -> impl Strategy<Value = usize> {
    prop::sample::select(vec![MANY, MANY, 0, 4])
}
