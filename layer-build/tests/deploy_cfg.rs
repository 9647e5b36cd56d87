//! `scar.cfg`: made at first use, upgraded, and errors that point into it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::fs;

use layer_build::deploy::cfg::{self, CfgError, DEFAULT, Lines};
use serde_json::{Value, json};

#[test]
fn the_first_use_makes_the_default_file_and_says_what_to_fill_in() {
    let home = tempfile::tempdir().unwrap();
    let path = cfg::path(None, Some(home.path().to_owned())).unwrap();
    assert_eq!(path, home.path().join(".scar/scar.cfg"));
    let made = cfg::load(&path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), DEFAULT);
    let notice = made.notices.join("\n");
    for key in ["aws.iam.role", "subnets", "security_group_ids"] {
        assert!(notice.contains(key), "{notice}");
    }
    assert!(cfg::load(&path).unwrap().notices.is_empty());
}

#[test]
fn the_folder_can_be_another() {
    let path = cfg::path(Some("/elsewhere".into()), Some("/home/me".into())).unwrap();
    assert_eq!(path.to_str(), Some("/elsewhere/scar.cfg"));
    assert!(matches!(cfg::path(None, None), Err(CfgError::NoHome)));
}

#[test]
fn an_older_file_is_upgraded_with_its_values_kept_and_the_old_file_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scar.cfg");
    let old = r#"{"scar": {"config_version": "1.0.0"}, "mine": [1, 2],
        "aws": {"iam": {"role": "arn:role"}, "lambda": {"memory": 1024, "layers": ["arn:layer"]}}}"#;
    fs::write(&path, old).unwrap();
    let upgraded = cfg::load(&path).unwrap();
    assert_eq!(
        fs::read_to_string(folder.path().join("scar.cfg_old")).unwrap(),
        old
    );
    let value: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(value, upgraded.value);
    assert_eq!(value["scar"]["config_version"], "1.0.9");
    assert_eq!(value["aws"]["iam"]["role"], "arn:role");
    assert_eq!(value["aws"]["lambda"]["memory"], 1024);
    assert_eq!(value["aws"]["lambda"]["layers"], json!(["arn:layer"]));
    assert_eq!(value["aws"]["lambda"]["timeout"], 300);
    assert_eq!(value["mine"], json!([1, 2]));
    assert_eq!(upgraded.notices.len(), 1);
    // A second upgrade keeps the first one's old file.
    fs::write(&path, old).unwrap();
    cfg::load(&path).unwrap();
    assert!(folder.path().join("scar.cfg_old.1").exists());
}

#[test]
fn the_printed_default_is_the_default() {
    assert_eq!(cfg::pretty(&cfg::defaults()), DEFAULT);
}

#[test]
fn a_newer_file_stays_as_it_is() {
    let mut newer = cfg::defaults();
    newer["scar"]["config_version"] = "1.10.0".into();
    assert_eq!(cfg::upgrade(&newer), None);
    assert_eq!(cfg::upgrade(&cfg::defaults()), None);
}

#[test]
fn an_error_names_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scar.cfg");
    fs::write(&path, "{\n  \"scar\": {\n    oops\n").unwrap();
    let error = cfg::load(&path).unwrap_err().to_string();
    assert!(error.contains("scar.cfg, line 3, column"), "{error}");
    fs::write(&path, "[]").unwrap();
    assert!(matches!(cfg::load(&path), Err(CfgError::Shape(_))));
}

#[test]
fn every_key_has_its_line() {
    let lines = Lines::of(DEFAULT);
    let line = |text: &str| {
        DEFAULT
            .lines()
            .position(|line| line.contains(text))
            .unwrap()
            + 1
    };
    assert_eq!(lines.line("aws.iam.role"), Some(line("\"role\": \"\"")));
    assert_eq!(lines.line("aws.batch.vcpus"), Some(line("\"vcpus\"")));
    assert_eq!(lines.line("aws.lambda.nothing"), lines.line("aws.lambda"));
    let escaped = Lines::of("{\"a\": \"} \\\" {\",\n\"b\": [1, {\"c\": null}]}");
    assert_eq!(escaped.line("b[1].c"), Some(2));
}

#[test]
fn keys_that_nothing_reads_are_found() {
    assert_eq!(cfg::unread(&Lines::of(DEFAULT)), [""; 0]);
    let text = r#"{"scar": {}, "oscar": {"a": 1}, "aws": {
        "lambda": {"memroy": 1, "memory": 1, "vpc": {"SubnetIds": []}, "environment": {"Variables": {"A": "b"}},
            "container": {"engine": "native"}, "input": [{"path": "a"}], "deployment": {"bucket": "b", "bukket": "c"}},
        "bacth": {"vcpus": 1}}}"#;
    let found = cfg::unread(&Lines::of(text));
    assert_eq!(
        found,
        [
            "aws.lambda.memroy",
            "aws.lambda.deployment.bukket",
            "aws.bacth"
        ]
    );
}
