//! What well-meant layers do.

use std::{fs, io::Write as _, os::unix::fs::MetadataExt as _, path::Path, process::Command};

use tar::EntryType;

use crate::support::{Layer, RESOLVERS, World};

#[test]
fn whiteouts_are_about_lower_layers_only() {
    for resolver in RESOLVERS {
        let world = World::new(resolver);
        let lower = Layer::default()
            .file("top", "1")
            .file("a/x", "1")
            .file("a/deep/y", "1")
            .file("b/x", "1");
        world.apply(lower).unwrap();
        let upper = Layer::default()
            .file(".wh.top", "")
            .file("a/new", "2")
            .file("a/deep/new", "2")
            .file("a/.wh..wh..opq", "")
            .file("b/x", "2")
            .file("b/.wh.x", "")
            .file("b/.wh..wh.plnk", "");
        world.apply(upper).unwrap();
        for gone in [
            "top",
            ".wh.top",
            "a/x",
            "a/deep/y",
            "a/.wh..wh..opq",
            "b/.wh..wh.plnk",
        ] {
            assert!(!world.path(gone).exists(), "{gone}");
        }
        for (path, text) in [("a/new", "2"), ("a/deep/new", "2"), ("b/x", "2")] {
            assert_eq!(world.text(path).as_deref(), Some(text), "{path}");
        }
        world
            .apply(Layer::default().file(".wh..wh..opq", "").file("only", "3"))
            .unwrap();
        assert_eq!(fs::read_dir(world.path("")).unwrap().count(), 1);
    }
}

type Make = fn(Layer) -> Layer;

#[test]
fn anything_can_become_anything() {
    let world = World::new(RESOLVERS[0]);
    let kinds: [Make; 5] = [
        |layer| layer.file("it", "file"),
        |layer| layer.directory("it").file("it/inside", "x"),
        |layer| layer.symlink("it", "other"),
        |layer| layer.hard_link("it", "other"),
        |layer| layer.add(EntryType::Fifo, "it", "", b""),
    ];
    world
        .apply(Layer::default().file("other", "other"))
        .unwrap();
    for before in kinds {
        for after in kinds {
            world.apply(before(Layer::default())).unwrap();
            world.apply(after(Layer::default())).unwrap();
            assert_eq!(world.text("other").as_deref(), Some("other"));
        }
    }
}

#[test]
fn writing_one_name_of_a_file_leaves_the_others() {
    let world = World::new(RESOLVERS[0]);
    world
        .apply(
            Layer::default()
                .file("a", "1")
                .hard_link("b", "a")
                .hard_link("b", "b"),
        )
        .unwrap();
    assert_eq!(fs::metadata(world.path("a")).unwrap().nlink(), 2);
    world.apply(Layer::default().file("a", "2")).unwrap();
    assert_eq!(world.text("b").as_deref(), Some("1"));
    let error = world
        .apply(Layer::default().hard_link("c", "absent"))
        .unwrap_err();
    assert!(error.to_string().contains("absent"), "{error}");
}

#[test]
fn parents_that_are_links_are_followed_inside() {
    for resolver in RESOLVERS {
        let world = World::new(resolver);
        world
            .apply(
                Layer::default()
                    .directory("usr/bin")
                    .symlink("bin", "usr/bin")
                    .symlink("lib", "/usr/lib"),
            )
            .unwrap();
        world
            .apply(Layer::default().file("bin/sh", "x").file("lib/libc", "y"))
            .unwrap();
        assert_eq!(world.text("usr/bin/sh").as_deref(), Some("x"));
        // Even where the link's target is not there yet.
        assert_eq!(world.text("usr/lib/libc").as_deref(), Some("y"));
        assert!(world.path("bin").is_symlink());
    }
}

#[test]
fn names_like_dev_are_not_special_elsewhere_and_times_are_kept() {
    let world = World::new(RESOLVERS[0]);
    world
        .apply(
            Layer::default()
                .directory("pkg")
                .file("pkg/dev/index.js", "x")
                .symlink("pkg/l", "x"),
        )
        .unwrap();
    assert_eq!(world.text("pkg/dev/index.js").as_deref(), Some("x"));
    for path in ["pkg", "pkg/dev/index.js", "pkg/l"] {
        assert_eq!(
            fs::symlink_metadata(world.path(path)).unwrap().mtime(),
            1_000_000_000,
            "{path}"
        );
    }
}

/// Everything that GNU tar writes, in each of its formats.
#[test]
fn what_tar_writes_is_what_there_was() {
    let source = tempfile::tempdir().unwrap();
    let path = |name: &str| source.path().join(name);
    let long = "long-name/".repeat(20);
    fs::create_dir_all(path(&long)).unwrap();
    fs::write(path(&long).join("ünï\nfile"), "deep").unwrap();
    fs::write(path("empty"), "").unwrap();
    fs::hard_link(path("empty"), path("linked")).unwrap();
    std::os::unix::fs::symlink("x".repeat(300), path("long-link")).unwrap();
    let mut sparse = fs::File::create(path("sparse")).unwrap();
    for hole in 1..60_u64 {
        std::io::Seek::seek(&mut sparse, std::io::SeekFrom::Start(hole * 200_000)).unwrap();
        write!(sparse, "piece {hole}").unwrap();
    }
    sparse.set_len(20_000_000).unwrap();
    for format in [
        &["--format=gnu"][..],
        &["--format=posix"],
        &["--format=gnu", "--sparse"],
        &["--format=posix", "--sparse", "--sparse-version=0.0"],
        &["--format=posix", "--sparse", "--sparse-version=0.1"],
        &["--format=posix", "--sparse", "--sparse-version=1.0"],
    ] {
        let written = Command::new("tar")
            .args(format)
            .arg("-c")
            .arg("-C")
            .arg(source.path())
            .arg(".")
            .output()
            .unwrap();
        assert!(written.status.success());
        let world = World::new(RESOLVERS[0]);
        world.apply_bytes(&written.stdout).unwrap();
        let same = Command::new("diff")
            .args(["-r", "--no-dereference"])
            .arg(source.path())
            .arg(world.path(""))
            .output()
            .unwrap();
        assert!(
            same.status.success(),
            "{format:?}: {}",
            String::from_utf8_lossy(&same.stdout)
        );
        let blocks = |path: &Path| fs::metadata(path).unwrap().blocks();
        if format.contains(&"--sparse") {
            assert!(
                blocks(&world.path("sparse")) < 20_000_000 / 512 / 4,
                "{format:?}"
            );
        }
        assert_eq!(fs::metadata(world.path("empty")).unwrap().nlink(), 2);
    }
}
