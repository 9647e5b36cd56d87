//! The command line of `layer-build check`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::{Command, Output};

fn check(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_layer-build"))
        .arg("check")
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn a_dynamic_program_is_reported_and_fails() {
    let own = std::env::current_exe().unwrap().display().to_string();
    let output = check(&[&own]);
    assert_eq!(output.status.code(), Some(1));
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(
        report.starts_with(&own) && report.contains("dynamic") && report.contains("not static"),
        "{report}"
    );
}

#[test]
fn something_that_is_no_program_is_named() {
    let output = check(&[file!()]);
    assert!(!output.status.success());
    let output = check(&["/nonexistent/binary"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nonexistent/binary"));
}

#[test]
fn without_a_binary_there_is_nothing_to_check() {
    assert_eq!(check(&[]).status.code(), Some(2));
}
