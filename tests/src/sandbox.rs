//! One test's world: directories, configuration and environment of the supervisor, and the check of what it left.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::lambda_place::{LambdaPlace, SHARED};
use crate::launch::Launch;
use crate::leftovers::{entries, kept_below};
use crate::mode::{Mode, udocker_variables};
use crate::platform;
use crate::processes::{KILLED_IN, left_behind, wait_until_gone};

/// Size of a function's `/tmp` unless it is configured, in bytes.
const TMP_SIZE: u64 = 512 << 20;

/// Which of a sandbox's directories a function on Lambda sees where.
const INSIDE: [(&str, &str); 2] = [("work", "/var/task"), ("tmp", "/tmp")];

/// Directories of one test:
/// `work` (configuration, script and event; the working directory), `tmp` (`TMPDIR`, must be empty at the end), `udocker`
/// (`UDOCKER_DIR`), `home`, and `buckets` (for `--local-storage`), with the buckets `inbox` and `outbox`.
///
/// On Lambda `work` is `/var/task`, `tmp` is `/tmp` with a file system of its own, and `udocker` is in it.
#[derive(Debug)]
pub struct Sandbox {
    // It goes before the directory that it has mounts in.
    place: Option<LambdaPlace>,
    directory: TempDir,
    mode: Mode,
    variables: BTreeMap<String, OsString>,
    on_lambda: BTreeMap<String, OsString>,
}

impl Sandbox {
    /// An empty sandbox for containers in `mode`.
    pub fn new(mode: Mode) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("faas-tests-")
            .tempdir()
            .unwrap();
        for name in [
            "work",
            "tmp",
            "udocker",
            "home",
            "buckets/inbox",
            "buckets/outbox",
        ] {
            fs::create_dir_all(directory.path().join(name)).unwrap();
        }
        let mut sandbox = Self {
            place: None,
            directory,
            mode,
            variables: BTreeMap::new(),
            on_lambda: platform::variables(),
        };
        for (name, value) in udocker_variables() {
            sandbox.set(name, value);
        }
        sandbox.set("UDOCKER_EXEC", mode.udocker());
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let store = "/tmp/shared/udocker";
        sandbox.on_lambda.insert("UDOCKER_DIR".into(), store.into());
        for (name, value) in [
            ("PATH", path.into()),
            ("HOME", sandbox.path("home")),
            ("TMPDIR", sandbox.path("tmp")),
            ("UDOCKER_DIR", sandbox.path("udocker")),
            // No request of a test may wait for a machine that answers for instance metadata: there is none.
            ("AWS_EC2_METADATA_DISABLED", "true".into()),
        ] {
            sandbox.variables.insert(name.to_owned(), value.into());
        }
        sandbox
    }

    /// An empty sandbox on Lambda for containers in `mode`; nothing, and a word about it, for users who cannot imitate it.
    pub fn on_lambda(mode: Mode) -> Option<Self> {
        Self::on_lambda_with(mode, TMP_SIZE)
    }

    /// The same with a `/tmp` of `size` bytes, its file system's own data included.
    pub fn on_lambda_with(mode: Mode, size: u64) -> Option<Self> {
        assert!(mode.runs_on_lambda(), "{mode:?} traces processes or mounts");
        let mut sandbox = Self::new(mode);
        sandbox.place = Some(LambdaPlace::make(sandbox.directory.path(), size)?);
        Some(sandbox)
    }

    /// Sets a variable for every supervisor of this sandbox.
    pub fn set(&mut self, name: &str, value: impl Into<OsString>) {
        let value = value.into();
        self.on_lambda.insert(name.to_owned(), value.clone());
        self.variables.insert(name.to_owned(), value);
    }

    /// A path inside the sandbox as the function sees it.
    pub fn inside(&self, relative: &str) -> PathBuf {
        let of = |(from, to): &(&str, &str)| {
            let rest = Path::new(relative).strip_prefix(from).ok()?;
            Some(Path::new(to).join(rest))
        };
        let inside = self.place.as_ref().and_then(|_| INSIDE.iter().find_map(of));
        inside.unwrap_or_else(|| self.path(relative))
    }

    /// A path that the function sees as this machine sees it.
    pub fn outside(&self, path: &Path) -> PathBuf {
        let of = |(to, from): &(&str, &str)| {
            let rest = path.strip_prefix(from).ok()?;
            Some(self.path(to).join(rest))
        };
        let outside = self.place.as_ref().and_then(|_| INSIDE.iter().find_map(of));
        outside.unwrap_or_else(|| path.to_path_buf())
    }

    /// Points the AWS variables at a server of this machine.
    pub fn use_aws(&mut self, endpoint: &str, access_key: &str, secret_key: &str) {
        self.set("AWS_ENDPOINT_URL", endpoint);
        self.set("AWS_ACCESS_KEY_ID", access_key);
        self.set("AWS_SECRET_ACCESS_KEY", secret_key);
        self.set("AWS_REGION", "us-east-1");
    }

    /// A path inside the sandbox.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.directory.path().join(relative)
    }

    /// The sandbox's mode.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether it is one on Lambda.
    pub(crate) fn is_on_lambda(&self) -> bool {
        self.place.is_some()
    }

    /// Writes a file below `work`.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path("work").join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// A supervisor with the sandbox's environment and no arguments.
    pub fn launch(&self) -> Launch {
        Launch::new(self.directory.path(), self.variables.clone())
    }

    /// `/opt/bootstrap` as the platform starts it, in a sandbox made with [`Self::on_lambda`].
    pub fn enter(&self) -> Launch {
        let place = self.place.as_ref().expect("a sandbox on Lambda");
        Launch::new(self.directory.path(), self.on_lambda.clone())
            .through(vec!["/opt/bootstrap".into()])
            .confined(place.confinement())
    }

    /// Another program with the sandbox's environment.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(&self.variables)
            .current_dir(self.path("work"));
        command
    }

    /// `supervisor --config … --event …` for the function written with [`Self::function`].
    pub fn invoke(&self, event: &Value) -> Launch {
        self.write("event.json", event.to_string());
        self.launch()
            .args(["--config", "function_config.yaml", "--event", "event.json"])
    }

    /// The same with every bucket a directory below `buckets`.
    pub fn invoke_local(&self, event: &Value) -> Launch {
        self.invoke(event)
            .arg("--local-storage")
            .arg(self.path("buckets"))
    }

    /// Runs a script on a direct event, without any storage.
    pub fn script(&self, script: &str) -> Launch {
        self.function(script, &json!({}));
        self.invoke_local(&json!({}))
    }

    /// Puts an object into the local storage.
    pub fn put(&self, bucket: &str, key: &str, content: impl AsRef<[u8]>) {
        let path = self.path("buckets").join(bucket).join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Text of an object in the local storage, or nothing if there is none.
    pub fn object(&self, bucket: &str, key: &str) -> Option<String> {
        fs::read_to_string(self.path("buckets").join(bucket).join(key)).ok()
    }

    /// For a supervisor that was killed: waits until its container is gone too, and removes what it left below `TMPDIR`,
    /// as nobody else would.
    #[track_caller]
    pub fn clear_after_kill(&self) {
        let killed = Instant::now();
        // Servers that a test has started are elsewhere in the sandbox.
        for part in ["udocker", "tmp"] {
            let left = KILLED_IN.saturating_sub(killed.elapsed());
            wait_until_gone(&self.path(part), left);
        }
        for path in self.in_tmp() {
            let removed = if path.is_dir() {
                fs::remove_dir_all(path)
            } else {
                fs::remove_file(path)
            };
            removed.unwrap();
        }
    }

    /// Everything below `TMPDIR`, but for what stays there on Lambda.
    fn in_tmp(&self) -> Vec<PathBuf> {
        let mut files = entries(&self.path("tmp"));
        files.retain(|path| !self.is_on_lambda() || !path.ends_with(SHARED));
        files
    }

    /// What outlived the runtimes of a sandbox on Lambda, one process a line, for a test that expects something. It is not held
    /// against the sandbox any more.
    pub fn take_outlived(&self) -> String {
        let place = self.place.as_ref();
        place.map(LambdaPlace::take_left).unwrap_or_default()
    }

    /// What a supervisor that waits for invocations keeps below `TMPDIR`. A workspace is not among that.
    #[track_caller]
    pub fn kept(&self) -> Vec<PathBuf> {
        let mut kept = kept_below(&self.path("tmp"));
        kept.retain(|path| !self.is_on_lambda() || !path.ends_with(SHARED));
        kept
    }

    /// Fails if anything of a finished supervisor is left: a process, or a file below `TMPDIR`.
    #[track_caller]
    pub fn expect_clean(&self) {
        let left = left_behind(self.directory.path());
        assert!(left.is_empty(), "processes left behind: {left:#?}");
        let outlived = self.place.as_ref().map(LambdaPlace::left);
        let outlived = outlived.unwrap_or_default();
        assert!(outlived.is_empty(), "outlived the runtime: {outlived}");
        let files = self.in_tmp();
        assert!(files.is_empty(), "left below TMPDIR: {files:#?}");
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let left = left_behind(self.directory.path());
        for process in &left {
            process.kill();
        }
        if !std::thread::panicking() {
            assert!(left.is_empty(), "processes left behind: {left:#?}");
            self.expect_clean();
        }
    }
}
