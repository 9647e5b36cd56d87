//! A real proxy: proxy.py, which takes every name for this machine.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::background::{Program, free_port, start_program};
use crate::paths;

/// Longest that it takes to write its log.
const LOGGED_IN: Duration = Duration::from_secs(20);

/// A running proxy; it ends with its handle.
#[derive(Debug)]
pub struct Proxy {
    _program: Program,
    port: u16,
    log: PathBuf,
}

impl Proxy {
    /// Starts one that lets in those who know `login` (`user:password`), and keeps its log in `directory`.
    pub fn start(directory: &Path, login: &str) -> Self {
        let port = free_port();
        let log = directory.join("proxy.log");
        let mut command = Command::new(paths::tool("proxy"));
        command
            .args(["--hostname", "127.0.0.1", "--port", &port.to_string()])
            .args(["--num-workers", "1", "--num-acceptors", "1"])
            .args(["--plugins", "all_to_loopback.AllToLoopback"])
            .args(["--basic-auth", login])
            .arg("--log-file")
            .arg(&log)
            .env("PYTHONPATH", paths::root().join("tests/setup/plugins"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("HOME", directory)
            .current_dir(directory);
        Self {
            _program: start_program(&command, port, Duration::from_mins(1)),
            port,
            log,
        }
    }

    /// Its address, to which a `login` may be given.
    pub fn url(&self, login: &str) -> String {
        format!("http://{login}127.0.0.1:{}", self.port)
    }

    /// Waits until its log says all of these; it writes when a connection has been closed.
    #[track_caller]
    pub fn expect_logged(&self, words: &[&str]) {
        let asked = Instant::now();
        loop {
            let log = std::fs::read_to_string(&self.log).unwrap();
            if words.iter().all(|word| log.contains(word)) {
                return;
            }
            assert!(asked.elapsed() < LOGGED_IN, "{words:?} not in: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
