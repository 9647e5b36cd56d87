//! The examples of the repository, as their README says to run them.

use std::fs;
use std::path::{Path, PathBuf};

use e2e::{Mode, Sandbox, archive, root, supervisor};

/// Runs an example, which must end with exit code `code`; its standard output, and the directory with its buckets.
fn run(name: &str, code: i32) -> (String, PathBuf) {
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
    assert_eq!(
        output.status.code(),
        Some(code),
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
        // A directory without an event of its own is one of several events, see below.
        if !entry.path().join("event.json").is_file() || name == "demo" {
            continue;
        }
        let (stdout, buckets) = run(&name, 0);
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

#[test]
fn the_function_that_other_tools_deploy_runs() {
    let (stdout, _buckets) = run("attach/function", 0);
    assert!(stdout.starts_with("hello from "), "{stdout}");
    assert!(stdout.contains("greet"), "{stdout}");
}

#[test]
fn each_sample_event_runs() {
    let events = fs::read_dir(root().join("examples/events")).unwrap();
    let names: Vec<String> = events
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter_map(|name| Some(name.strip_suffix(".json")?.to_owned()))
        .collect();
    assert!(names.len() >= 15, "only {} events", names.len());
    for name in names {
        // These two bring an item that cannot be used beside those that can.
        let code = i32::from(["batch-operations-2", "sqs"].contains(&name.as_str()));
        let (stdout, _buckets) = run(&format!("events/{name}"), code);
        let nothing_to_do = ["s3-test", "eventbridge-deleted"].contains(&name.as_str());
        assert_eq!(stdout.is_empty(), nothing_to_do, "{name}: {stdout}");
    }
}
