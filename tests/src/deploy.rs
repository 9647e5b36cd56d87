//! Everything one user of `faas-deploy` has: a home directory, a layer, and an AWS, which is moto's.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use layer_build::layer::content::sha256;
use serde_json::{Value, json};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;

use crate::{Moto, tool};

/// A user.
#[derive(Debug)]
pub struct Deploy {
    home: TempDir,
    /// Distinguishes this user's functions, buckets and layer from all others'.
    pub id: u32,
    endpoint: String,
    region: &'static str,
}

impl Deploy {
    /// A user with a role, and a configuration that names it.
    pub fn new() -> Self {
        Self::in_region("us-east-1")
    }

    /// A user in another region.
    pub fn in_region(region: &'static str) -> Self {
        static SIMPLE: Once = Once::new();
        static USERS: AtomicU32 = AtomicU32::new(1);
        let moto = Moto::shared();
        // Functions answer what they are sent, or what was put in a queue: running them would take Docker.
        SIMPLE.call_once(|| {
            let client = reqwest::blocking::Client::new();
            let request = client.post(format!("{}/moto-api/config", moto.url()));
            let answer = request
                .body(json!({ "lambda": { "use_docker": false } }).to_string())
                .send();
            assert!(answer.unwrap().status().is_success());
        });
        let user = Self {
            home: TempDir::new().unwrap(),
            id: USERS.fetch_add(1, Ordering::Relaxed),
            endpoint: moto.url().to_owned(),
            region,
        };
        user.write_layer("x86_64");
        user.boto(
            "iam = boto3.client('iam')
trust = json.dumps({'Statement': [{'Effect': 'Allow', 'Principal': {'Service': ['lambda.amazonaws.com']}, 'Action': 'sts:AssumeRole'}]})
for name, path in [('functions', '/'), ('AWSBatchServiceRole', '/service-role/'), ('ecsInstanceRole', '/'), ('ecsTaskExecutionRole', '/')]:
    try: iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=trust)
    except iam.exceptions.EntityAlreadyExistsException: pass
try: iam.create_instance_profile(InstanceProfileName='ecsInstanceRole')
except iam.exceptions.EntityAlreadyExistsException: pass",
        );
        user.configure(|cfg| {
            for section in cfg["aws"].as_object_mut().unwrap().values_mut() {
                if let Some(own) = section.get_mut("region") {
                    *own = region.into();
                }
            }
            cfg["aws"]["iam"]["role"] = "functions".into();
            cfg["aws"]["lambda"]["runtime"] = "python3.13".into();
            cfg["aws"]["lambda"]["supervisor"]["layer_name"] =
                format!("supervisor-{}", user.id).into();
        });
        user
    }

    /// A name nobody else has.
    pub fn name(&self, word: &str) -> String {
        format!("{word}-{}", self.id)
    }

    /// Changes `scar.cfg`.
    pub fn configure(&self, change: impl FnOnce(&mut Value)) {
        let path = self.path(".scar/scar.cfg");
        let mut cfg = match fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text).unwrap(),
            Err(_) => layer_build::deploy::cfg::defaults(),
        };
        change(&mut cfg);
        self.write(".scar/scar.cfg", &cfg.to_string());
    }

    /// A file in the user's directory.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// A path in the user's directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// The command at an endpoint other than moto's.
    pub fn at(&self, endpoint: &str, arguments: &[&str]) -> Output {
        self.command(endpoint, arguments).output().unwrap()
    }

    fn command(&self, endpoint: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command
            .args(arguments)
            .current_dir(self.home.path())
            .env_clear();
        for (name, value) in self.variables(endpoint) {
            command.env(name, value);
        }
        command
    }

    /// The command, started and left to itself; its standard output can be read.
    pub fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(&self.endpoint, arguments);
        command.stdout(Stdio::piped()).spawn().unwrap()
    }

    /// The command, whatever comes of it.
    pub fn output(&self, arguments: &[&str]) -> Output {
        self.at(&self.endpoint, arguments)
    }

    /// The command, which has to succeed; its standard output.
    pub fn run(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        let (stdout, stderr) = texts(&output);
        assert!(output.status.success(), "{arguments:?}: {stdout}\n{stderr}");
        stdout
    }

    /// The command with `--json`, which has to succeed; the value it reports.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let text = self.run(&[arguments, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The command, which has to fail; its standard error.
    pub fn fails(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        let (stdout, stderr) = texts(&output);
        assert!(!output.status.success(), "{arguments:?}: {stdout}");
        stderr
    }

    /// A Python script with boto3, and what it prints as JSON through `show(value)`.
    pub fn boto(&self, script: &str) -> Value {
        let mut command = Command::new(tool("python"));
        command
            .arg("-")
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        for (name, value) in self.variables(&self.endpoint) {
            command.env(name, value);
        }
        let mut child = command.spawn().unwrap();
        let head = "import boto3, json\ndef show(value): print(json.dumps(value, default=str))\n";
        let mut input = child.stdin.take().unwrap();
        input
            .write_all(format!("{head}{script}\n").as_bytes())
            .unwrap();
        drop(input);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{script}");
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    fn variables(&self, endpoint: &str) -> [(&'static str, String); 7] {
        let home = self.home.path().display().to_string();
        [
            ("HOME", home.clone()),
            ("PATH", "/usr/bin:/bin".to_owned()),
            ("FAAS_LAYER_DIR", format!("{home}/layer")),
            ("AWS_ENDPOINT_URL", endpoint.to_owned()),
            ("AWS_ACCESS_KEY_ID", "AKIDTEST".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
            ("AWS_DEFAULT_REGION", self.region.to_owned()),
        ]
    }

    /// A layer of this user's own content.
    pub fn write_layer(&self, arch: &str) {
        self.write_layer_of(arch, &format!("supervisor of user {} for {arch}", self.id));
    }

    /// A layer with this supervisor, described as `layer-build assemble` does it.
    pub fn write_layer_of(&self, arch: &str, supervisor: &str) {
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        zip.start_file("bootstrap", SimpleFileOptions::default())
            .unwrap();
        zip.write_all(supervisor.as_bytes()).unwrap();
        let content = zip.finish().unwrap().into_inner();
        let description = json!({
            "version": "0.1.0", "arch": arch, "sha256": sha256(&content), "size": content.len(),
            "udocker_version": "1.3.17", "engines_version": "1.2.11",
            "compatible_runtimes": ["python3.13", "provided.al2023"],
        });
        self.write(
            &format!("layer/faas-supervisor-{arch}.json"),
            &description.to_string(),
        );
        fs::write(
            self.path(&format!("layer/faas-supervisor-{arch}.zip")),
            content,
        )
        .unwrap();
    }
}

impl Default for Deploy {
    fn default() -> Self {
        Self::new()
    }
}

/// Standard output and standard error.
pub fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// The built command, beside the test programs.
fn program() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let built = own
        .parent()
        .and_then(Path::parent)
        .unwrap()
        .join("faas-deploy");
    assert!(
        built.exists(),
        "{} is missing: cargo build -p layer-build",
        built.display()
    );
    built
}
