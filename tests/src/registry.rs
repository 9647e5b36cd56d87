//! Debian's docker-registry on the loopback interface, holding an image.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::background::{Program, free_port, start_program};
use crate::paths;

/// A registry; dropping it ends it.
#[derive(Debug)]
pub struct Registry {
    _program: Program,
    port: u16,
}

impl Registry {
    /// Starts a registry that keeps its blobs below `directory`.
    pub fn start(directory: &Path) -> Self {
        Self::serve(directory, "")
    }

    /// Starts another one for the same blobs, which speaks TLS as `host`; its certificate is in the file that is returned.
    pub fn start_secure(directory: &Path, host: &str) -> (Self, PathBuf) {
        let [certificate, key] = ["registry.pem", "registry.key"].map(|name| directory.join(name));
        let made = Command::new("openssl")
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            ])
            .args(["-subj", &format!("/CN={host}")])
            .args(["-addext", &format!("subjectAltName=DNS:{host}")])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .arg("-out")
            .arg(&certificate)
            .arg("-keyout")
            .arg(&key)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let tls = format!(
            ", tls: {{certificate: {}, key: {}}}",
            certificate.display(),
            key.display()
        );
        (Self::serve(directory, &tls), certificate)
    }

    fn serve(directory: &Path, more: &str) -> Self {
        let port = free_port();
        let config = directory.join(format!("registry-{port}.yml"));
        let storage = directory.join("registry");
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: 127.0.0.1:{port}{more}}}\n",
            storage.display()
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new(paths::built("tools/deb/usr/bin/docker-registry"));
        command.arg("serve").arg(&config);
        Self {
            _program: start_program(&command, port, Duration::from_secs(20)),
            port,
        }
    }

    /// What to set `UDOCKER_REGISTRY` to.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Pushes a `docker save` archive under `name` (`repository:tag`).
    pub fn push(&self, archive: &Path, name: &str) {
        self.copy(&format!("docker-archive:{}", archive.display()), name, &[]);
    }

    /// Pushes an image from where skopeo finds `source`, with further options of `skopeo copy`.
    pub fn copy(&self, source: &str, name: &str, options: &[&str]) {
        let output = Command::new("skopeo")
            .args([
                "--insecure-policy",
                "copy",
                "--quiet",
                "--dest-tls-verify=false",
            ])
            .args(options)
            .arg(source)
            .arg(format!("docker://127.0.0.1:{}/{name}", self.port))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "skopeo: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
