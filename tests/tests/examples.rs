//! The examples of the repository, as their README says to run them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::fs;
use std::path::{Path, PathBuf};

use tests::{Mode, Sandbox, archive, root, supervisor};

/// Runs an example; its standard output, and the directory with its buckets.
fn run(name: &str) -> (String, PathBuf) {
    let sandbox = Sandbox::new(Mode::P1);
    let udocker = sandbox.mode().udocker();
    let path = format!(
        "{}:/usr/local/bin:/usr/bin:/bin",
        udocker.parent().unwrap().display()
    );
    let output = sandbox
        .command(&root().join("examples/run.sh"))
        .args([name, "--execmode", "P1", "--image"])
        .arg(archive("busybox"))
        .env("SUPERVISOR", supervisor())
        .env("PATH", path)
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{name}: {stdout}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    (
        stdout,
        root().join("target/examples").join(name).join("buckets"),
    )
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap().flatten() {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

#[test]
fn each_example_runs_and_leaves_what_it_says() {
    let mut count = 0;
    for entry in fs::read_dir(root().join("examples")).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        // The demo brings its own engine and image, and a script of its own.
        if !entry.path().is_dir() || name == "demo" {
            continue;
        }
        let (stdout, buckets) = run(&name);
        let outputs = fs::read_to_string(entry.path().join("function_config.yaml"))
            .unwrap()
            .contains("output:");
        let before = entry.path().join("buckets");
        let before = if before.is_dir() {
            files(&before).len()
        } else {
            0
        };
        let new = files(&buckets).len() - before;
        assert!(!stdout.is_empty() || new > 0, "{name} shows nothing");
        assert_eq!(new > 0, outputs, "{name}: {:?}", files(&buckets));
        count += 1;
    }
    assert!(count >= 3, "only {count} examples");
}
