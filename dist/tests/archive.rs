//! A release's archive: what is in it, and that the same inputs always become the same bytes. The programs in it are stand-ins,
//! as building real ones takes minutes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

const DATE: &str = "1700000000";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn run(command: &mut Command) -> String {
    let output = command.env("SOURCE_DATE_EPOCH", DATE).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Makes the archive for arm64 below a directory.
fn archive(place: &Path) -> PathBuf {
    let programs = place.join("programs");
    fs::create_dir_all(&programs).unwrap();
    for name in ["faas-deploy", "supervisor"] {
        fs::write(programs.join(name), format!("this is {name}\n")).unwrap();
    }
    let script = root().join("dist/archive.sh");
    run(Command::new(script)
        .args([Path::new("arm64"), &programs, &place.join("out")])
        .env("DIST_BIN", env!("CARGO_BIN_EXE_dist")));
    let name = concat!(
        "faas-supervisor-",
        env!("CARGO_PKG_VERSION"),
        "-arm64.tar.gz"
    );
    place.join("out").join(name)
}

#[test]
fn the_archive_can_be_unpacked_over_a_prefix_and_is_the_same_everywhere() {
    let [one, other] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let first = archive(one.path());
    let second = archive(&other.path().join("deeper/than the other"));
    assert!(
        fs::read(&first).unwrap() == fs::read(second).unwrap(),
        "they differ"
    );
    let left = fs::read_dir(first.parent().unwrap()).unwrap().count();
    assert_eq!(left, 1, "only the archive is left");

    let listing = run(Command::new("tar")
        .args(["-tvz", "--full-time", "--utc", "-f"])
        .arg(&first));
    let top = first
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .trim_end_matches(".tar.gz");
    for (mode, path) in [
        ("-rwxr-xr-x", "bin/supervisor"),
        ("-rwxr-xr-x", "bin/faas-deploy"),
        ("drwxr-xr-x", "share/man/man1/"),
        ("-rw-r--r--", "share/man/man1/faas-deploy-init.1"),
        ("-rw-r--r--", "share/bash-completion/completions/supervisor"),
        ("-rw-r--r--", "share/zsh/site-functions/_faas-deploy"),
        (
            "-rw-r--r--",
            "share/fish/vendor_completions.d/faas-deploy.fish",
        ),
        (
            "-rw-r--r--",
            "share/doc/faas-supervisor/licenses/rust-crates.txt",
        ),
        (
            "-rw-r--r--",
            "share/doc/faas-supervisor/licenses/rust-standard-library.html",
        ),
        (
            "-rw-r--r--",
            "share/doc/faas-supervisor/licenses/musl-COPYRIGHT",
        ),
        ("-rw-r--r--", "share/doc/faas-supervisor/LICENSE"),
        ("-rw-r--r--", "share/doc/faas-supervisor/README.md"),
    ] {
        let end = format!(" {top}/{path}");
        let line = listing.lines().find(|line| line.ends_with(&end));
        assert!(
            line.is_some_and(|line| line.starts_with(mode)),
            "{path}: {listing}"
        );
    }
    for line in listing.lines() {
        assert!(
            line.contains(" 0/0 ") && line.contains("2023-11-14 22:13:20"),
            "{line}"
        );
    }
    let licences = format!("{top}/share/doc/faas-supervisor/licenses/rust-crates.txt");
    let licences = run(Command::new("tar")
        .args(["-xzOf"])
        .arg(&first)
        .arg(licences));
    for name in ["clap ", "aws-sdk-lambda ", "lambda_runtime "] {
        assert!(
            licences.lines().any(|line| line.starts_with(name)),
            "{name}"
        );
    }
}

#[test]
fn order_modes_and_dates_of_the_files_change_nothing() {
    let names = ["b", "a/2", "a/1", "B"];
    let make = |order: &[&str], mode: u32| {
        let place = tempfile::tempdir().unwrap();
        let tree = place.path().join("tree");
        for name in order {
            let path = tree.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, name).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let out = place.path().join("out.tar.gz");
        run(Command::new(root().join("dist/pack.sh")).args([&tree, &out]));
        fs::read(out).unwrap()
    };
    let reversed: Vec<&str> = names.iter().rev().copied().collect();
    let archive = make(&names, 0o644);
    assert!(archive == make(&reversed, 0o600), "they differ");
    assert!(
        archive != make(&names, 0o755),
        "a program is one in the archive, too"
    );
    assert!(archive != make(&names[..3], 0o644));
}
