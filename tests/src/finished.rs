//! A supervisor that has ended.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use serde_json::Value;

/// A supervisor that has ended.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
    /// How long it ran.
    pub took: Duration,
    /// Its largest resident memory, in KiB.
    pub peak_kib: u64,
}

impl Finished {
    /// Its exit code; a test whose supervisor was killed by a signal fails here.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| {
            panic!(
                "ended by signal {:?}: {}",
                self.status.signal(),
                self.stderr()
            )
        })
    }

    /// Its standard output as text.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Its standard error as text.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Its standard output, which must be one JSON object (`--json`).
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| {
            panic!(
                "standard output is no JSON ({error}): {}\n{}",
                self.stdout(),
                self.stderr()
            )
        })
    }

    /// Fails unless it ended with `code`, showing what it said.
    #[track_caller]
    pub fn expect_code(&self, code: i32) -> &Self {
        assert_eq!(
            self.code(),
            code,
            "exit code\nstdout: {}\nstderr: {}",
            tail(&self.stdout),
            tail(&self.stderr)
        );
        self
    }

    /// Fails unless standard error holds `text`.
    #[track_caller]
    pub fn expect_stderr(&self, text: &str) -> &Self {
        assert!(
            self.stderr().contains(text),
            "standard error does not say {text:?}:\n{}",
            tail(&self.stderr)
        );
        self
    }
}

/// The end of an output, for a message.
pub(crate) fn tail(content: &[u8]) -> String {
    String::from_utf8_lossy(&content[content.len().saturating_sub(4000)..]).into_owned()
}
