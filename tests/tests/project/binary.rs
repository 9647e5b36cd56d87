//! The binaries themselves: what they are linked to, their size, and that they start.

use std::process::{Command, Output};

use e2e::{built, supervisor};
use layer_build::elf::{Linkage, Machine, inspect};

/// Largest binary that is accepted, in bytes.
const SIZE_LIMIT: u64 = 10_000_000;

fn expect_help(output: &Output) {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for option in [
        "--event",
        "--config",
        "--image",
        "--local-storage",
        "--timeout",
        "--env",
        "--keep",
        "--json",
        "--explain",
        "--execmode",
    ] {
        assert!(text.contains(option), "no {option} in {text}");
    }
}

#[test]
fn the_binary_is_static_small_and_explains_itself() {
    let found = inspect(&supervisor()).unwrap();
    assert_eq!(found.linkage, Linkage::Static);
    assert_eq!(found.machine, Machine::HOST);
    assert!(found.size <= SIZE_LIMIT, "{} bytes", found.size);
    expect_help(
        &Command::new(supervisor())
            .arg("--help")
            .env_clear()
            .output()
            .unwrap(),
    );
    let version = Command::new(supervisor())
        .arg("--version")
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&version.stdout).trim(),
        concat!("supervisor ", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn the_arm64_binary_is_static_small_and_starts() {
    let binary = built("aarch64-unknown-linux-musl/release/supervisor");
    let found = inspect(&binary).unwrap();
    assert_eq!(
        (found.machine, found.linkage),
        (Machine::ARM64, Linkage::Static)
    );
    assert!(found.size <= SIZE_LIMIT, "{} bytes", found.size);
    let mut command = if cfg!(target_arch = "aarch64") {
        Command::new(&binary)
    } else {
        let mut emulator = Command::new("qemu-aarch64-static");
        emulator.arg(&binary);
        emulator
    };
    expect_help(&command.arg("--help").env_clear().output().unwrap());
}

#[test]
fn started_with_nothing_to_do_it_says_how_to_use_it() {
    let output = Command::new(supervisor())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("--event"),
        "{output:?}"
    );
}
