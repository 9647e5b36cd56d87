//! What the supervisor is linked with: nothing of what only the deployment command needs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::Command;

/// SDK crates that the supervisor itself uses.
const ALLOWED: [&str; 2] = ["aws-sdk-batch", "aws-sdk-s3"];

#[test]
fn the_supervisor_has_no_client_of_the_deployment_command() {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--offline",
            "-p",
            "supervisor",
            "-e",
            "normal",
            "--prefix",
            "none",
        ])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let tree = String::from_utf8(output.stdout).unwrap();
    let clients: Vec<_> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|name| name.starts_with("aws-sdk-"))
        .collect();
    // Credentials of a profile that assumes a role come from STS, through `aws-config`.
    let foreign: Vec<_> = clients
        .iter()
        .filter(|name| !ALLOWED.contains(name) && **name != "aws-sdk-sts")
        .collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    assert!(clients.contains(&"aws-sdk-s3"), "{tree}");
}
