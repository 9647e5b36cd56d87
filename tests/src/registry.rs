//! Debian's docker-registry on the loopback interface, holding an image.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::background::{free_port, start_program};
use crate::paths;

/// A registry; dropping it ends it.
#[derive(Debug)]
pub struct Registry {
    child: Child,
    port: u16,
}

impl Registry {
    /// Starts a registry that keeps its blobs below `directory`.
    pub fn start(directory: &Path) -> Self {
        let port = free_port();
        let config = directory.join("registry.yml");
        let storage = directory.join("registry");
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: 127.0.0.1:{port}}}\n",
            storage.display()
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new(paths::built("tools/deb/usr/bin/docker-registry"));
        command.arg("serve").arg(&config);
        Self {
            child: start_program(&command, port, Duration::from_secs(20)),
            port,
        }
    }

    /// What to set `UDOCKER_REGISTRY` to.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
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

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
