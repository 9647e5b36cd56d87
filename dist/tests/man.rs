//! Man pages: one for each command that can be typed, with all of its options.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use clap::Command;
use dist::{man, programs};

/// Asserts that a command has its page, and so on below it; collects the pages' names.
fn check(command: &Command, directory: &Path, names: &mut BTreeSet<String>) {
    let title = command.get_display_name().unwrap_or(command.get_name());
    let name = format!("{title}.1");
    let page = fs::read_to_string(directory.join(&name)).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let heading = page.lines().find(|line| line.starts_with(".TH")).unwrap();
    assert!(heading.contains(version), "{name}: {heading}");
    for option in command.get_arguments() {
        let Some(long) = option.get_long() else {
            continue;
        };
        let written = format!("\\-\\-{}", long.replace('-', "\\-"));
        assert_eq!(
            page.contains(&written),
            !option.is_hide_set(),
            "{name}: {long}"
        );
    }
    names.insert(name);
    for inner in command.get_subcommands() {
        check(inner, directory, names);
    }
}

#[test]
fn each_command_has_a_page_with_all_its_options() {
    let place = tempfile::tempdir().unwrap();
    man::write(place.path()).unwrap();
    let mut names = BTreeSet::new();
    for program in programs::all() {
        let mut command = program.command.disable_help_subcommand(true);
        command.build();
        check(&command, place.path(), &mut names);
    }
    for expected in [
        "supervisor.1",
        "supervisor-doctor.1",
        "faas-deploy-layer-publish.1",
    ] {
        assert!(names.contains(expected), "{names:?}");
    }
    let files = fs::read_dir(place.path()).unwrap();
    let written: BTreeSet<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(written, names);
}
