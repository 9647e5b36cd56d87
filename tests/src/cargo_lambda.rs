//! cargo-lambda's emulator of the Runtime API: another party's reading of the protocol.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use reqwest::blocking::Client;
use serde_json::Value;

use crate::background::{Program, free_port, start_program};
use crate::launch::Launch;
use crate::paths;
use crate::sandbox::Sandbox;

/// The emulator, in a cargo project made for it; dropping it ends it.
#[derive(Debug)]
pub struct CargoLambda {
    _program: Program,
    port: u16,
    client: Client,
}

impl CargoLambda {
    /// The function's name: that of the project's binary.
    const FUNCTION: &str = "supervisor";

    /// Starts the emulator; its project goes below `directory`.
    pub fn start(directory: &Path) -> Self {
        let project = directory.join("cargo-lambda");
        fs::create_dir_all(project.join("src")).unwrap();
        let manifest = format!(
            "[package]\nname = \"{}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n",
            Self::FUNCTION
        );
        fs::write(project.join("Cargo.toml"), manifest).unwrap();
        fs::write(project.join("src/main.rs"), "fn main() {}\n").unwrap();
        let port = free_port();
        let mut command = Command::new(paths::tool("cargo-lambda"));
        command
            .args([
                "lambda",
                "watch",
                "--only-lambda-apis",
                "-P",
                &port.to_string(),
            ])
            .current_dir(&project);
        let child = start_program(&command, port, Duration::from_secs(20));
        let client = Client::builder()
            .timeout(Duration::from_mins(1))
            .build()
            .unwrap();
        Self {
            _program: child,
            port,
            client,
        }
    }

    /// What to set `AWS_LAMBDA_RUNTIME_API` to: here with a scheme, as the emulator itself says.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}/.rt/{}", self.port, Self::FUNCTION)
    }

    /// The runtime, about to be started with the function of `sandbox`, which is one on Lambda.
    pub fn launch(&self, sandbox: &Sandbox) -> Launch {
        sandbox
            .enter()
            .env("AWS_LAMBDA_RUNTIME_API", self.address())
            .env("AWS_LAMBDA_FUNCTION_NAME", Self::FUNCTION)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "4096")
    }

    /// Invokes the function as the Lambda API does: HTTP status and payload.
    pub fn invoke(&self, event: &Value) -> (u16, Value) {
        let url = format!(
            "http://127.0.0.1:{}/2015-03-31/functions/{}/invocations",
            self.port,
            Self::FUNCTION
        );
        let response = self
            .client
            .post(url)
            .body(event.to_string())
            .send()
            .unwrap();
        let status = response.status().as_u16();
        (status, response.json().unwrap())
    }
}
