//! Which files become outputs, where they go, and that failures are named.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use config::{OutputRule, ProviderId, ProviderKind};
use faas_supervisor::plan::OutputTarget;
use faas_supervisor::stage_out::{list_outputs, stage_out};
use storage::{Progress, StoreSettings, Stores};
use tempfile::TempDir;

fn target(path: &str, suffix: &[&str]) -> OutputTarget {
    OutputTarget::new(&OutputRule {
        storage_provider: ProviderId::new(ProviderKind::S3, "default"),
        path: path.to_owned(),
        prefix: Vec::new(),
        suffix: suffix.iter().map(|text| (*text).to_owned()).collect(),
    })
    .unwrap()
}

fn stores(root: &Path) -> Stores {
    Stores::new(StoreSettings {
        local_root: Some(root.to_owned()),
        ..Default::default()
    })
}

/// A store with one bucket, `out`, and an output directory.
fn directories() -> (TempDir, TempDir) {
    let store = tempfile::tempdir().unwrap();
    fs::create_dir(store.path().join("out")).unwrap();
    (store, tempfile::tempdir().unwrap())
}

#[test]
fn lists_regular_files_sorted_and_nothing_else() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "x").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    fs::create_dir_all(path.join("b/deep")).unwrap();
    fs::create_dir(path.join("empty")).unwrap();
    for file in ["b/deep/z", "b/a", "a", "b.txt", " spaced "] {
        fs::write(path.join(file), file).unwrap();
    }
    fs::write(path.join(std::ffi::OsStr::from_bytes(b"not\xffutf8")), "x").unwrap();
    symlink("b/a", path.join("link-inside")).unwrap();
    symlink(outside.path().join("secret"), path.join("link-outside")).unwrap();
    symlink(outside.path(), path.join("directory-outside")).unwrap();
    symlink("b", path.join("directory-inside")).unwrap();
    symlink("nowhere", path.join("dangling")).unwrap();
    symlink("loop", path.join("loop")).unwrap();
    nix::unistd::mkfifo(&path.join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let _socket = UnixListener::bind(path.join("socket")).unwrap();

    let expected: Vec<&[u8]> = vec![
        b" spaced ",
        b"a",
        b"b.txt",
        b"b/a",
        b"b/deep/z",
        b"link-inside",
        b"not\xffutf8",
    ];
    let listed = list_outputs(path).unwrap();
    let listed: Vec<&[u8]> = listed
        .iter()
        .map(|path| path.as_os_str().as_bytes())
        .collect();
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn every_file_goes_to_each_target_that_accepts_it() {
    let (store, out) = directories();
    fs::create_dir_all(out.path().join("sub")).unwrap();
    fs::write(out.path().join("sub/a.png"), "png").unwrap();
    fs::write(out.path().join("a.txt"), "text").unwrap();
    symlink("a.txt", out.path().join("link.txt")).unwrap();
    let targets = [target("out/all/", &[]), target("out/images", &[".png"])];
    let progress = Progress::default();

    let report = stage_out(&stores(store.path()), &targets, out.path(), &progress)
        .await
        .unwrap();

    let arrived: Vec<&str> = report
        .uploaded
        .iter()
        .map(|file| &*file.destination)
        .collect();
    let expected = [
        "s3://out/all/a.txt",
        "s3://out/all/link.txt",
        "s3://out/all/sub/a.png",
        "s3://out/images/sub/a.png",
    ];
    assert_eq!(arrived, expected);
    assert_eq!((report.bytes, progress.bytes()), (14, 14));
    let bucket = store.path().join("out");
    assert_eq!(fs::read(bucket.join("images/sub/a.png")).unwrap(), b"png");
    assert_eq!(fs::read(bucket.join("all/link.txt")).unwrap(), b"text");
    assert!(
        fs::symlink_metadata(bucket.join("all/link.txt"))
            .unwrap()
            .is_file()
    );
}

#[tokio::test]
async fn all_uploads_are_tried_and_every_failure_is_named() {
    let (store, out) = directories();
    for file in ["good", "bad", "worse/file"] {
        let path = out.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file).unwrap();
    }
    // Directories where objects should be.
    fs::create_dir_all(store.path().join("out/bad/in-the-way")).unwrap();
    fs::write(
        store.path().join("out/worse"),
        "a file where a directory should be",
    )
    .unwrap();
    let targets = [target("out", &[]), target("missing-bucket", &[])];

    let error = stage_out(
        &stores(store.path()),
        &targets,
        out.path(),
        &Progress::default(),
    )
    .await
    .unwrap_err();

    let failed: Vec<(&Path, &str)> = error
        .failed
        .iter()
        .map(|failed| (&*failed.file, &*failed.destination))
        .collect();
    let expected = [
        ("bad", "s3://out/bad"),
        ("bad", "s3://missing-bucket/bad"),
        ("good", "s3://missing-bucket/good"),
        ("worse/file", "s3://out/worse/file"),
        ("worse/file", "s3://missing-bucket/worse/file"),
    ];
    assert_eq!(
        failed,
        expected.map(|(file, place)| (Path::new(file), place))
    );
    assert_eq!(error.uploaded.len(), 1);
    assert_eq!(error.uploaded[0].file, PathBuf::from("good"));
    let message = error.to_string();
    for (file, place) in expected {
        assert!(
            message.contains(file) && message.contains(place),
            "{file} in {message}"
        );
    }
    assert_eq!(fs::read(store.path().join("out/good")).unwrap(), b"good");
}

#[tokio::test]
async fn a_thousand_small_files_arrive() {
    let (store, out) = directories();
    for number in 0..1000 {
        fs::write(out.path().join(format!("{number:04}")), [b'x'; 1024]).unwrap();
    }
    let report = stage_out(
        &stores(store.path()),
        &[target("out/n", &[])],
        out.path(),
        &Progress::default(),
    )
    .await
    .unwrap();
    assert_eq!((report.uploaded.len(), report.bytes), (1000, 1000 * 1024));
    assert!(report.uploaded.is_sorted_by(|a, b| a.file < b.file));
    assert_eq!(
        fs::read_dir(store.path().join("out/n")).unwrap().count(),
        1000
    );
}

#[tokio::test]
async fn without_targets_nothing_is_read() {
    let store = tempfile::tempdir().unwrap();
    let report = stage_out(
        &stores(store.path()),
        &[],
        Path::new("/does/not/exist"),
        &Progress::default(),
    )
    .await;
    assert!(report.unwrap().uploaded.is_empty());
}

#[tokio::test]
async fn an_unreadable_directory_is_an_error() {
    let (store, out) = directories();
    let gone = out.path().join("gone");
    let error = stage_out(
        &stores(store.path()),
        &[target("out", &[])],
        &gone,
        &Progress::default(),
    )
    .await;
    assert!(error.unwrap_err().to_string().contains("gone"));
}
