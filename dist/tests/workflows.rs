//! The workflows call `make` and nothing else, so that what runs there runs anywhere. (Their syntax is `make lint`'s.)
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn targets() -> BTreeSet<String> {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let rule = |line: &str| {
        let (name, _) = line
            .split_once(": ")
            .or_else(|| Some((line.strip_suffix(':')?, "")))?;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        name.chars().all(plain).then(|| name.to_owned())
    };
    makefile.lines().filter_map(rule).collect()
}

fn workflows() -> Vec<(PathBuf, Value)> {
    let files = fs::read_dir(root().join(".github/workflows")).unwrap();
    files
        .map(|file| {
            let path = file.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            assert!(
                !text.contains("secrets."),
                "{} needs a secret",
                path.display()
            );
            let value = serde_saphyr::from_str(&text).unwrap();
            (path, value)
        })
        .collect()
}

#[test]
fn each_step_is_a_make_target_or_an_action_with_a_version() {
    let targets = targets();
    assert!(
        targets.contains("test") && targets.contains("dist"),
        "{targets:?}"
    );
    let mut called = BTreeSet::new();
    for (path, workflow) in workflows() {
        let path = path.display();
        for (name, job) in workflow["jobs"].as_object().unwrap() {
            for step in job["steps"].as_array().unwrap() {
                match (&step["run"], &step["uses"]) {
                    (Value::String(run), Value::Null) => {
                        let target = run.strip_prefix("make ").unwrap_or("");
                        assert!(targets.contains(target), "{path}: {name}: {run}");
                        called.insert(target.to_owned());
                    }
                    (Value::Null, Value::String(action)) => {
                        let version = action.split_once("@v").map(|(_, version)| version);
                        let is_number = |v: &str| {
                            !v.is_empty() && v.chars().all(|c| c.is_ascii_digit() || c == '.')
                        };
                        assert!(version.is_some_and(is_number), "{path}: {name}: {action}");
                    }
                    _ => panic!("{path}: {name}: {step}"),
                }
            }
        }
    }
    for target in ["lint", "test", "check-examples", "dist"] {
        assert!(called.contains(target), "nothing calls make {target}");
    }
}

#[test]
fn the_image_has_the_toolchain_of_the_project() {
    let toolchain = fs::read_to_string(root().join("rust-toolchain.toml")).unwrap();
    for (path, workflow) in workflows() {
        for (name, job) in workflow["jobs"].as_object().unwrap() {
            let Some(image) = job["container"]["image"].as_str() else {
                continue;
            };
            let version = image
                .strip_prefix("rust:")
                .and_then(|tag| tag.split('-').next());
            let channel = format!("channel = \"{}\"", version.unwrap());
            assert!(
                toolchain.contains(&channel),
                "{}: {name}: {image}",
                path.display()
            );
        }
    }
}
