//! A real `WebDAV` server: `WsgiDAV` over a directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::background::{Program, free_port, start_program};
use crate::paths;

/// The authentication that a server asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authentication {
    /// Basic or digest, as the client likes.
    Both,
    /// Basic only.
    Basic,
    /// Digest only.
    Digest,
}

/// A running server; it ends with its handle.
#[derive(Debug)]
pub struct WsgiDav {
    _program: Program,
    port: u16,
    directory: PathBuf,
}

impl WsgiDav {
    /// The one user.
    pub const LOGIN: &str = "störage user";
    /// And the user's password.
    pub const PASSWORD: &str = "dav:secret/with+signs=";

    /// Serves the directory `files` inside `directory`, which also holds the server's configuration.
    pub fn start(directory: &Path, authentication: Authentication) -> Self {
        let files = directory.join("files");
        fs::create_dir_all(&files).unwrap();
        let port = free_port();
        let accepts = |own| authentication == Authentication::Both || authentication == own;
        let config = json!({
            "host": "127.0.0.1",
            "port": port,
            "provider_mapping": { "/": files },
            "simple_dc": { "user_mapping": { "*": { Self::LOGIN: { "password": Self::PASSWORD } } } },
            "http_authenticator": {
                "accept_basic": accepts(Authentication::Basic),
                "accept_digest": accepts(Authentication::Digest),
                "default_to_digest": authentication == Authentication::Digest,
            },
            "verbose": 1,
        });
        let file = directory.join("wsgidav.json");
        fs::write(&file, config.to_string()).unwrap();
        let mut command = Command::new(paths::tool("wsgidav"));
        command.arg("--config").arg(file).current_dir(directory);
        let process = start_program(&command, port, Duration::from_mins(1));
        Self {
            _program: process,
            port,
            directory: files,
        }
    }

    /// What to set a `hostname` to.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its port on the loopback interface.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A file of the server.
    pub fn path(&self, path: &str) -> PathBuf {
        self.directory.join(path)
    }

    /// Puts a file, past the server.
    pub fn put(&self, path: &str, content: &[u8]) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Text of a file, or nothing if there is none.
    pub fn text(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.path(path)).ok()
    }

    /// Names of what is in a folder.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap().flatten();
        let mut names: Vec<_> = entries
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}
