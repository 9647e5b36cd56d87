//! The house is built as drawn: every arrow between crates, between files and along the pipeline points down.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod cfg_test;
mod circles;
mod manifest;
mod modules;
mod order;
mod samples;
mod source;
mod token;

use circles::{between_branches, circles, text};
use e2e::root;
use manifest::members;
use modules::{Arrows, arrows, files};

#[test]
fn every_crate_uses_only_what_stands_below_it() {
    let wrong = order::crates_out_of_order(&members(&root()));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_two_branches_of_the_module_tree_import_each_other() {
    let found = circles_of_the_house(between_branches);
    assert!(found.is_empty(), "{}", explain(&found));
}

/// The circles of every crate, as text, among those arrows that `select` leaves.
fn circles_of_the_house(select: fn(Arrows) -> Arrows) -> Vec<String> {
    let mut found = Vec::new();
    for (name, member) in members(&root()) {
        let src = member.directory.join("src");
        if name == "e2e" {
            continue;
        }
        let files = files(&root().join(&src));
        assert!(!files.is_empty(), "no sources in {}", src.display());
        for circle in circles(&select(arrows(&member.library, &files))) {
            found.push(text(&src.display().to_string(), &circle));
        }
    }
    found
}

fn explain(circles: &[String]) -> String {
    let (count, list) = (circles.len(), circles.join("\n"));
    format!("{count} circles; of each, move what both sides need into a file below them:\n{list}")
}

#[test]
fn the_pipeline_runs_one_way() {
    let supervisor = &members(&root())["supervisor"];
    let src = supervisor.directory.join("src");
    let arrows = arrows(&supervisor.library, &files(&root().join(&src)));
    assert!(!arrows.is_empty(), "no arrows in {}", src.display());
    let wrong = order::steps_out_of_order(&arrows);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
