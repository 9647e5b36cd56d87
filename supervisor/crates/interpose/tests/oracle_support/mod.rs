//! A root, unpacked twice: for the loader, and for the chroot that says what is right.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each test binary uses its part of what supports tests"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// An image of the project's fixtures.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Guest {
    /// A static busybox.
    Busybox,
    /// A small Debian.
    Debian,
}

impl Guest {
    fn archive(self) -> PathBuf {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../target/fixtures");
        fixtures.join(match self {
            Self::Busybox => "busybox.tar",
            Self::Debian => "debian.tar",
        })
    }
}

/// What a command did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: Option<i32>,
}

/// Two copies of a root.
pub(crate) struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new(guest: Guest) -> Self {
        let place = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        // What is unpacked is read by another user, too.
        run(Command::new("chmod").arg("755").arg(place.dir.path()));
        unpack(&guest.archive(), &place.ours());
        run(Command::new("cp")
            .arg("-a")
            .arg(place.ours())
            .arg(place.theirs()));
        place
    }

    /// The loader's root.
    pub(crate) fn ours(&self) -> PathBuf {
        self.dir.path().join("ours")
    }

    /// The chroot.
    pub(crate) fn theirs(&self) -> PathBuf {
        self.dir.path().join("theirs")
    }

    /// A path beside the roots.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The command that runs `words` through the loader.
    pub(crate) fn interpose(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_interpose-run"));
        command
            .arg("--root")
            .arg(self.ours())
            .arg("--loader")
            .arg(self.beside("loader"));
        command
            .args(["--bind", "/proc=/proc", "--bind", "/dev=/dev", "--"])
            .args(words);
        clean(&mut command);
        command
    }

    /// The command that runs `words` in the chroot, which has the host's /proc and /dev.
    fn chroot(&self, words: &[&str]) -> Command {
        let mut command = Command::new("unshare");
        if !is_root() {
            command.arg("--map-root-user");
        }
        let script = r#"mount --rbind /proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" "$@""#;
        command
            .args(["--mount", "sh", "-c", script])
            .arg(self.theirs())
            .args(words);
        clean(&mut command);
        command
    }

    pub(crate) fn both(&self, words: &[&str]) -> (Outcome, Outcome) {
        (
            outcome(&mut self.interpose(words)),
            outcome(&mut self.chroot(words)),
        )
    }

    /// Runs `words` in both and fails where output or exit code differ.
    pub(crate) fn compare(&self, words: &[&str]) {
        let (ours, theirs) = self.both(words);
        assert!(
            theirs.stdout.lines().count() > 3,
            "the chroot runs nothing: {theirs:?}"
        );
        assert_eq!(
            ours.stdout, theirs.stdout,
            "standard error: {}\nagainst: {}",
            ours.stderr, theirs.stderr
        );
        assert_eq!((&ours.stderr, ours.code), (&theirs.stderr, theirs.code));
    }
}

fn clean(command: &mut Command) {
    command
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::null());
}

/// Runs a command and gives what it did.
pub(crate) fn outcome(command: &mut Command) -> Outcome {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Outcome {
        stdout: text(stdout),
        stderr: text(stderr),
        code: status.code(),
    }
}

/// Runs a command that must succeed.
pub(crate) fn run(command: &mut Command) {
    let result = outcome(command);
    assert_eq!(result.code, Some(0), "{command:?}: {}", result.stderr);
}

pub(crate) fn is_root() -> bool {
    outcome(Command::new("id").arg("-u")).stdout.trim() == "0"
}

/// Unpacks the one layer of an image's archive.
fn unpack(archive: &Path, root: &Path) {
    assert!(archive.exists(), "{}: run `make images`", archive.display());
    fs::create_dir(root).unwrap();
    let parts = root.with_extension("parts");
    fs::create_dir(&parts).unwrap();
    run(Command::new("tar")
        .arg("xf")
        .arg(archive)
        .arg("-C")
        .arg(&parts));
    let layers = outcome(Command::new("find").arg(&parts).args(["-name", "*.tar"])).stdout;
    assert!(!layers.is_empty(), "{}: no layer", archive.display());
    for layer in layers.lines() {
        run(Command::new("tar").args(["xpf", layer, "-C"]).arg(root));
    }
    fs::remove_dir_all(parts).unwrap();
}
