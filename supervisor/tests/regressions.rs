//! What fuzzing has found, and the sample events, through the checks of the fuzz targets.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::fs;
use std::path::{Path, PathBuf};

#[path = "../../fuzz/checks.rs"]
mod checks;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// Every file of a directory through a check; how many there were.
fn run(directory: &str, check: fn(&[u8])) -> usize {
    let mut count = 0;
    for entry in fs::read_dir(root().join(directory)).unwrap().flatten() {
        if entry.path().is_file() {
            check(&fs::read(entry.path()).unwrap());
            count += 1;
        }
    }
    count
}

#[test]
fn events_mean_the_same_to_a_job() {
    assert!(run("examples/events", checks::event) > 15);
    assert!(run("fuzz/regressions/event", checks::event) > 0);
}

#[test]
fn configurations_are_read_or_refused() {
    assert!(run("fuzz/regressions/config", checks::config) > 0);
}

#[test]
fn layers_are_applied_or_refused() {
    assert!(run("fuzz/regressions/layer", checks::layer) > 0);
}

#[test]
fn loader_caches_give_short_search_paths() {
    assert!(run("fuzz/regressions/loader_cache", checks::loader_cache) > 0);
}

#[test]
fn keys_and_paths_stay_where_they_belong() {
    assert!(run("fuzz/regressions/key_to_path", checks::key_to_path) > 0);
}
