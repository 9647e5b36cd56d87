//! One test's world: directories, configuration and environment of the supervisor, and the check of what it left.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::mode::{Mode, udocker_variables};
use crate::processes::{KILLED_IN, left_behind, wait_until_gone};
use crate::run::Launch;

/// Longest that a supervisor takes to make the next run ready, on a busy machine.
const READY_IN: Duration = Duration::from_secs(2);

/// Directories of one test:
/// `work` (configuration, script and event; the working directory), `tmp` (`TMPDIR`, must be empty at the end), `udocker`
/// (`UDOCKER_DIR`), `home`, and `buckets` (for `--local-storage`), with the buckets `inbox` and `outbox`.
#[derive(Debug)]
pub struct Sandbox {
    directory: TempDir,
    mode: Mode,
    variables: BTreeMap<String, OsString>,
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
            directory,
            mode,
            variables: BTreeMap::new(),
        };
        sandbox.set(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        );
        for (name, value) in udocker_variables() {
            sandbox.set(name, value);
        }
        sandbox.set("HOME", sandbox.path("home"));
        sandbox.set("TMPDIR", sandbox.path("tmp"));
        sandbox.set("UDOCKER_DIR", sandbox.path("udocker"));
        sandbox.set("UDOCKER_EXEC", mode.udocker());
        // No request of a test may wait for a machine that answers for instance metadata: there is none.
        sandbox.set("AWS_EC2_METADATA_DISABLED", "true");
        sandbox
    }

    /// Sets a variable for every supervisor of this sandbox.
    pub fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.variables.insert(name.to_owned(), value.into());
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

    /// Writes a file below `work`.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path("work").join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// Writes `script.sh` and a configuration that runs it in the mode's image with a time threshold of one second.
    /// `more` is laid over that configuration, object by object.
    pub fn function(&self, script: &str, more: &Value) -> PathBuf {
        let container = json!({
            "image_file": self.mode.image(), "execmode": self.mode.name(), "engine": self.mode.engine() });
        self.configure(script, &container, more)
    }

    /// The same for a function that is an image itself: the configuration names none.
    pub fn image_function(&self, script: &str, more: &Value) -> PathBuf {
        self.configure(script, &json!({}), more)
    }

    fn configure(&self, script: &str, container: &Value, more: &Value) -> PathBuf {
        self.write("script.sh", script);
        let mut config = json!({
            "name": "test-function",
            "init_script": "script.sh",
            "container": container,
        });
        config["container"]["timeout_threshold"] = json!(1);
        overlay(&mut config, more);
        // JSON is YAML.
        self.write("function_config.yaml", config.to_string())
    }

    /// A supervisor with the sandbox's environment and no arguments.
    pub fn launch(&self) -> Launch {
        Launch::new(self.directory.path(), self.variables.clone())
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

    /// Puts a recorder in front of udocker; [`Self::udocker_commands`] tells what it was asked to do.
    pub fn record_udocker(&mut self) {
        let log = self.path("udocker-commands");
        let script = format!(
            "#!/bin/sh\nprintf '%s\\n' \"$*\" >> '{}'\nexec '{}' \"$@\"\n",
            log.display(),
            self.mode.udocker().display()
        );
        let recorder = self.write("udocker-recorder", script);
        fs::set_permissions(&recorder, fs::Permissions::from_mode(0o755)).unwrap();
        self.set("UDOCKER_EXEC", recorder);
    }

    /// The udocker commands since the recorder was set up, one line each.
    pub fn udocker_commands(&self) -> Vec<String> {
        let log = fs::read_to_string(self.path("udocker-commands")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
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
        fs::remove_dir_all(self.path("tmp")).unwrap();
        fs::create_dir(self.path("tmp")).unwrap();
    }

    /// What a supervisor that waits for invocations keeps below `TMPDIR`, but for the one workspace of its next run, in which
    /// there is no file yet. That is made after the last answer.
    #[track_caller]
    pub fn kept(&self) -> Vec<PathBuf> {
        kept_below(&self.path("tmp"))
    }

    /// Fails if anything of a finished supervisor is left: a process, or a file below `TMPDIR`.
    #[track_caller]
    pub fn expect_clean(&self) {
        let left = left_behind(self.directory.path());
        assert!(left.is_empty(), "processes left behind: {left:#?}");
        let files = entries(&self.path("tmp"));
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
            let files = entries(&self.path("tmp"));
            assert!(left.is_empty(), "processes left behind: {left:#?}");
            assert!(files.is_empty(), "left below TMPDIR: {files:#?}");
        }
    }
}

/// What there is in a supervisor's `TMPDIR`, see [`Sandbox::kept`].
#[track_caller]
pub(crate) fn kept_below(directory: &Path) -> Vec<PathBuf> {
    let made = |workspace: &PathBuf| workspace.join("0/handoff/status").exists();
    // It may be just being made.
    let known = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        !name.starts_with("faas-") || name.starts_with("faas-init-")
    };
    let asked = Instant::now();
    let (next, kept) = loop {
        let (next, kept): (Vec<_>, Vec<_>) = entries(directory)
            .into_iter()
            .partition(|path| path.join("tmp").is_dir());
        if next.iter().all(made) && kept.iter().all(known) || asked.elapsed() > READY_IN {
            break (next, kept);
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(next.len() <= 1 && next.iter().all(made), "{next:?}");
    for workspace in next {
        for part in ["0/input", "0/output"] {
            let files = entries(&workspace.join(part));
            assert!(files.is_empty(), "{files:?}");
        }
        let mut made = entries(&workspace.join("0"));
        made.sort();
        let made: Vec<_> = made.iter().filter_map(|path| path.file_name()).collect();
        assert_eq!(made, ["handoff", "input", "output"]);
    }
    kept
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect()
}

/// Lays `more` over `base`: objects are merged, anything else replaces; `null` takes a key out.
fn overlay(base: &mut Value, more: &Value) {
    match (base, more) {
        (Value::Object(base), Value::Object(more)) => {
            for (key, value) in more {
                if value.is_null() {
                    base.remove(key);
                } else {
                    overlay(base.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (base, more) => *base = more.clone(),
    }
}
