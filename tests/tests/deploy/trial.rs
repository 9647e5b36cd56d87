//! `plan --try`: a function is run as it would be deployed, without AWS.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use e2e::{Deploy, archive, supervisor, texts};
use serde_json::{Value, json};

/// Where nobody answers.
const NOWHERE: &str = "http://127.0.0.1:1";

/// Writes a definition with these functions, each of which runs `hello.sh`.
fn define(user: &Deploy, names: &[&str], more: &Value) {
    let library = format!(
        "/usr/lib/{}-linux-gnu/fakechroot/libfakechroot.so",
        std::env::consts::ARCH
    );
    let functions = names.iter().map(|name| {
        let mut lambda = json!({
            "name": name, "init_script": "hello.sh", "memory": 256, "timeout": 60, "ephemeral_storage": 600,
            "container": { "image_file": archive("debian"), "engine": "native",
                "environment": { "Variables": { "GREETING": "hello" } } },
            "environment": { "Variables": { "UDOCKER_FAKECHROOT_SO": library } },
        });
        for (key, value) in more.as_object().unwrap() {
            lambda[key] = value.clone();
        }
        json!({ "lambda": lambda })
    });
    let file = json!({ "functions": { "aws": functions.collect::<Vec<_>>() } });
    user.write("function.yaml", &file.to_string());
    user.write(
        "event.json",
        &json!({ "words": "of the event" }).to_string(),
    );
    user.write(
        "hello.sh",
        "echo \"$GREETING: $(cat \"$INPUT_FILE_PATH\")\"; grep ^Seccomp: /proc/self/status; exit 7",
    );
}

fn try_it(user: &Deploy, more: &[&str]) -> (Option<i32>, String, String) {
    let program = supervisor();
    let line = [
        &[
            "plan",
            "-f",
            "function.yaml",
            "--try",
            "event.json",
            "--supervisor",
        ],
        &[program.to_str().unwrap()][..],
        more,
    ];
    let output = user.at(NOWHERE, &line.concat());
    let (stdout, stderr) = texts(&output);
    (output.status.code(), stdout, stderr)
}

#[test]
fn a_function_is_tried_with_its_own_size_and_variables_before_it_is_deployed() {
    let user = Deploy::new();
    define(&user, &["hello"], &json!({}));
    let (code, stdout, stderr) = try_it(&user, &[]);
    assert_eq!(code, Some(7), "{stdout}{stderr}");
    assert!(
        stdout.contains("hello: {\"words\":\"of the event\"}"),
        "{stdout}"
    );
    assert!(stdout.contains("Seccomp:\t2"), "{stdout}");
    for expected in ["of 60 s (timeout)", "of 256 MB", "of 600 MB"] {
        assert!(stderr.contains(expected), "no {expected:?} in {stderr}");
    }
    let (code, stdout, stderr) = try_it(&user, &["--json", "-m", "300"]);
    assert_eq!(code, Some(7), "{stderr}");
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(report["as_lambda"]["memory"]["limit_mb"], 300);
}

#[test]
fn what_cannot_be_tried_says_so() {
    let user = Deploy::new();
    define(&user, &["one", "two"], &json!({}));
    let (code, _, stderr) = try_it(&user, &[]);
    assert_eq!(code, Some(1));
    assert!(
        stderr.contains("--name") && stderr.contains("one, two"),
        "{stderr}"
    );
    assert_eq!(try_it(&user, &["-n", "two"]).0, Some(7));
    user.configure(|cfg| {
        let resources = &mut cfg["aws"]["batch"]["compute_resources"];
        resources["subnets"] = json!(["subnet-1"]);
        resources["security_group_ids"] = json!(["sg-1"]);
    });
    define(&user, &["job"], &json!({ "execution_mode": "batch" }));
    let (_, _, stderr) = try_it(&user, &[]);
    assert!(stderr.contains("job of AWS Batch"), "{stderr}");
    define(&user, &["image"], &json!({ "runtime": "image" }));
    assert!(try_it(&user, &[]).2.contains("image itself"));
    define(&user, &["hello"], &json!({}));
    let line = [
        "plan",
        "-f",
        "function.yaml",
        "--try",
        "event.json",
        "--supervisor",
        "none",
    ];
    let (_, stderr) = texts(&user.at(NOWHERE, &line));
    assert!(stderr.contains("none"), "{stderr}");
    let (_, stderr) = texts(&user.at(
        NOWHERE,
        &["plan", "-f", "function.yaml", "--supervisor", "x"],
    ));
    assert!(stderr.contains("--try"), "{stderr}");
}

#[test]
fn the_package_is_closed_to_other_users_and_gone_after_a_signal() {
    let user = Deploy::new();
    define(&user, &["hello"], &json!({}));
    let supervisor = "#!/bin/sh
trap 'exit 143' TERM
stat -c '%a %g %n' \"$LAMBDA_TASK_ROOT\"
kill -HUP $PPID
for n in $(seq 100); do sleep 0.1; done
";
    let program = user.write("supervisor.sh", supervisor);
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
    let line = ["plan", "-f", "function.yaml", "--try", "event.json"];
    let line = [&line[..], &["--supervisor", "supervisor.sh"]].concat();
    let output = user.at(NOWHERE, &line);
    let (stdout, stderr) = texts(&output);
    assert_eq!(output.status.code(), Some(143), "{stdout}{stderr}");
    let words: Vec<&str> = stdout.split_whitespace().collect();
    if nix::unistd::geteuid().is_root() {
        assert_eq!(words[..2], ["750", "990"]);
    } else {
        assert_eq!(words[0], "700");
    }
    assert!(!Path::new(words[2]).exists(), "{stdout}");
}
