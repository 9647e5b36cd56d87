//! `supervisor doctor`: what this place can do, and which engine would run containers here; with `--sandbox`, what the sandbox
//! around it allows.
//!
//! Everything is tried rather than guessed, and nothing is changed: no image is prepared, no layer downloaded.

mod finding;
mod image;
mod machine;
pub mod sandbox;

use std::{ffi::OsString, fmt::Write as _, io::Write as _, path::PathBuf, process::ExitCode};

use clap::{CommandFactory as _, Parser};
use serde_json::{Value, json};

use crate::{invocation::Services, telemetry};
use config::LogLevel;
use container::{
    engine::settings::UdockerSettings,
    rollback::policy::RollbackPolicy,
    workspace::{Retention, Workspace},
};
use environment::{Environment, Platform};

use super::{
    local,
    process::{block_on, complain, ended},
    setup,
};
use finding::{Finding, Verdict};

/// The word that calls it.
pub const NAME: &str = "doctor";

/// Says what this machine can do: engines, kernel features, disk, credentials, and, with an image, whether it can be
/// had and run here. Changes nothing.
#[allow(clippy::doc_markdown)] // shown as help text, where backticks are noise
#[derive(Debug, Parser)]
#[command(name = "supervisor doctor", version, after_help = EXAMPLES)]
struct Arguments {
    /// The configuration: function_config.yaml, or a whole function definition file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Look at this image, too: a name in a registry or an archive file; wins over the configuration
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// Try each system call and facility that sandboxes deny, and say what will not work here without them
    #[arg(long, conflicts_with_all = ["config", "image"])]
    sandbox: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  supervisor doctor
  supervisor doctor --image debian:12
  supervisor doctor --config function_config.yaml --json
  supervisor doctor --sandbox

Exit status: 0 when containers can run here, 1 when something that is needed is missing; with --sandbox always 0.";

/// Options of the doctor.
pub(super) fn command_line() -> clap::Command {
    Arguments::command()
}

/// Examines this machine.
pub fn main(environment: &Environment, arguments: &[OsString]) -> ExitCode {
    // The word itself is not an option.
    let words = arguments.iter().take(1).chain(arguments.iter().skip(2));
    let arguments = match Arguments::try_parse_from(words) {
        Ok(arguments) => arguments,
        Err(error) => {
            let _closed_pipe = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    if arguments.sandbox {
        return ended(sandbox::print(environment, arguments.json));
    }
    ended(block_on(examine(environment, &arguments)))
}

async fn examine(environment: &Environment, arguments: &Arguments) -> anyhow::Result<i32> {
    let (file, image) = (arguments.config.as_ref(), arguments.image.as_ref());
    let config = match (environment.platform(), file, image) {
        (Platform::Lambda, None, None) => setup::lambda_config(environment)?,
        _ => local::with_image(environment, file, image)?,
    };
    // Failures are findings here, and not worth log lines.
    let level = match config.log_level {
        LogLevel::Debug => LogLevel::Debug,
        _ => LogLevel::Critical,
    };
    telemetry::start(level, telemetry::Format::Text);
    let stores = setup::store_settings(&config, environment, None);
    let services = Services::new(config, environment, stores);
    let workspace = Workspace::create(services.temp_dir(), Retention::Remove)?;
    let temp = workspace.udocker_tmp();
    let policy = services.preparer().hygiene(&temp).await?;
    let mut findings = machine::findings(environment, &services, policy).await;
    findings.extend(image::findings(&services).await);

    let settings = services.udocker().settings();
    let text = if arguments.json {
        format!("{:#}\n", as_json(settings, policy, &findings))
    } else {
        as_text(settings, policy, &findings)?
    };
    std::io::stdout().write_all(text.as_bytes())?;
    let bad = findings
        .iter()
        .filter(|f| f.verdict == Verdict::Bad)
        .count();
    if bad > 0 {
        complain(&format!(
            "{bad} of these must be mended before containers can run here\n"
        ));
    }
    Ok(i32::from(bad > 0))
}

fn as_json(settings: &UdockerSettings, policy: RollbackPolicy, findings: &[Finding]) -> Value {
    let checks = findings.iter().map(|finding| {
        json!({
            "name": finding.name, "verdict": finding.verdict.name(), "found": finding.found, "advice": finding.advice,
        })
    });
    json!({
        "engine": settings.runs.name(),
        "execution_mode": settings.mode.to_string(),
        "changes": policy.name(),
        "ready": findings.iter().all(|finding| finding.verdict != Verdict::Bad),
        "checks": checks.collect::<Vec<_>>(),
    })
}

fn as_text(
    settings: &UdockerSettings,
    policy: RollbackPolicy,
    findings: &[Finding],
) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(
        text,
        "engine:   {}, execution mode {}",
        settings.runs.name(),
        settings.mode
    )?;
    writeln!(
        text,
        "changes:  what a run changes in the image {}\n",
        policy.meaning()
    )?;
    for finding in findings {
        let verdict = finding.verdict.name();
        writeln!(
            text,
            "  {verdict:<5} {:<16} {}",
            finding.name, finding.found
        )?;
        if let Some(advice) = finding.advice {
            writeln!(text, "        {:<16} -> {advice}", "")?;
        }
    }
    Ok(text)
}
