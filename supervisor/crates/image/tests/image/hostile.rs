//! Layers made to get out of the root, to fill memory or to be taken for something they are not.

use std::{fs, os::unix::fs::MetadataExt as _};

use tar::EntryType;

use crate::support::{Layer, RESOLVERS, World};

#[test]
fn no_name_and_no_link_leads_out() {
    for resolver in RESOLVERS {
        let world = World::new(resolver);
        let canary = world.canary();
        let up = "../".repeat(30);
        let layers = [
            Layer::default().file(&format!("{canary}/file"), "x"),
            Layer::default().file(&format!("{up}{canary}/file"), "x"),
            Layer::default().file("../canary/file", "x"),
            // Through a link of the same layer.
            Layer::default()
                .symlink("abs", &canary)
                .file("abs/file", "x")
                .file("abs/new", "x"),
            Layer::default()
                .symlink("rel", "../canary")
                .file("rel/file", "x"),
            Layer::default()
                .symlink("far", &format!("{up}{canary}"))
                .directory("far/sub")
                .file("far/sub/new", "x"),
            // Through a link to a link.
            Layer::default()
                .symlink("one", "two")
                .symlink("two", &canary)
                .file("one/file", "x"),
            // A directory that becomes a link, and one that a link becomes.
            Layer::default()
                .directory("swap")
                .file("swap/a", "x")
                .symlink("swap", &canary)
                .file("swap/file", "x"),
            // The link's own name is written to.
            Layer::default()
                .symlink("leaf", &format!("{canary}/file"))
                .file("leaf", "x"),
            Layer::default()
                .symlink("dir", &canary)
                .directory("dir")
                .file("dir/file", "x"),
            // Hard links to what is outside, and through links.
            Layer::default()
                .symlink("h", &canary)
                .hard_link("got", "h/file")
                .file("got", "x"),
            // What is removed.
            Layer::default()
                .symlink("gone", &canary)
                .file("gone/.wh.file", "")
                .file("gone/.wh..wh..opq", ""),
            Layer::default()
                .file(".wh...", "")
                .file(".wh..", "")
                .file(".wh.", "")
                .file("../.wh.canary", ""),
        ];
        for layer in layers {
            // Whether it is refused or lands inside is all the same.
            let _inside = world.apply(layer);
        }
    }
}

#[test]
fn links_of_one_layer_do_not_carry_the_next_out() {
    for resolver in RESOLVERS {
        let world = World::new(resolver);
        let canary = world.canary();
        world
            .apply(
                Layer::default()
                    .symlink("data", &canary)
                    .symlink("etc", "../../../..")
                    .symlink("self", "."),
            )
            .unwrap();
        world
            .apply(Layer::default().file("data/file", "inside"))
            .unwrap();
        world
            .apply(Layer::default().file("etc/passwd", "inside"))
            .unwrap();
        world
            .apply(Layer::default().file("self/self/self/a", "inside"))
            .unwrap();
        world
            .apply(Layer::default().hard_link("b", "data/file"))
            .unwrap();
        world
            .apply(Layer::default().file("data/.wh..wh..opq", ""))
            .unwrap();
        // An absolute link means the image's root.
        let inside = format!("{}/file", canary.trim_start_matches('/'));
        assert_eq!(world.text("b").as_deref(), Some("inside"));
        assert_eq!(world.text(&inside), None);
        assert_eq!(world.text("passwd").as_deref(), Some("inside"));
        assert_eq!(world.text("a").as_deref(), Some("inside"));
    }
}

#[test]
fn links_in_circles_and_deep_paths_are_refused() {
    for resolver in RESOLVERS {
        let world = World::new(resolver);
        let circle = Layer::default()
            .symlink("a", "b")
            .symlink("b", "a")
            .file("a/x", "x");
        assert!(world.apply(circle).is_err());
        let deep = "d/".repeat(10_000);
        let error = world
            .apply(Layer::default().file(&format!("{deep}x"), "x"))
            .unwrap_err();
        assert!(error.to_string().contains("deep"), "{error}");
        // Deep by way of links, each from the end of the last.
        let part = "d/".repeat(200);
        let mut layer = Layer::default().directory(&part);
        let mut at = String::new();
        for level in 0..4 {
            let link = format!("link-{level}");
            layer = layer
                .symlink(&link, &format!("/{at}{part}"))
                .directory(&format!("{link}/{part}"));
            at = format!("{link}/");
        }
        assert!(world.apply(layer).is_err());
    }
}

#[test]
fn devices_are_passed_over_and_nothing_is_set_user_id() {
    let world = World::new(RESOLVERS[0]);
    let layer = Layer::default()
        .add(EntryType::Block, "dev/sda", "", b"")
        .add(EntryType::Char, "null", "", b"")
        .add(EntryType::Fifo, "pipe", "", b"")
        .file("bin/su", "x");
    world.apply(layer).unwrap();
    assert!(!world.path("dev/sda").exists() && !world.path("null").exists());
    assert!(world.path("pipe").exists());
    let meta = fs::metadata(world.path("bin/su")).unwrap();
    assert_eq!(meta.mode() & 0o7777, 0o644);
    assert_eq!(meta.uid(), nix::unistd::geteuid().as_raw());
}

#[test]
fn damaged_archives_are_errors_and_never_a_panic() {
    let layer = || {
        Layer::default()
            .directory("a")
            .file("a/b", &"x".repeat(3000))
            .symlink("a/c", "b")
            .hard_link("a/d", "a/b")
            .file(&format!("a/{}", "long".repeat(40)), "y")
            .bytes()
    };
    let whole = layer();
    let content = whole.len() - 1024;
    for length in (0..content).step_by(97) {
        let applied = World::new(RESOLVERS[0]).apply_bytes(&whole[..length]);
        // Between two members, the end may be taken for one; the digest tells.
        assert!(applied.is_err() || length % 512 == 0, "{length}");
    }
    for bit in (0..content * 8).step_by(1013) {
        let mut flipped = layer();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let _either = World::new(RESOLVERS[0]).apply_bytes(&flipped);
    }
    let mut noise = vec![0_u8; 64 * 1024];
    fastrand::Rng::with_seed(7).fill(&mut noise);
    assert!(World::new(RESOLVERS[0]).apply_bytes(&noise).is_err());
}

#[test]
fn headers_that_claim_much_take_no_memory() {
    for kind in [b'L', b'K', b'x', b'g'] {
        let mut bytes = Layer::default()
            .add(EntryType::new(kind), "x", "", b"")
            .bytes();
        for size in [u64::MAX / 2, 1 << 40] {
            let mut header = tar::Header::new_gnu();
            header.as_mut_bytes().copy_from_slice(&bytes[..512]);
            header.set_size(size);
            header.set_cksum();
            bytes[..512].copy_from_slice(header.as_bytes());
            assert!(World::new(RESOLVERS[0]).apply_bytes(&bytes).is_err());
        }
    }
}
