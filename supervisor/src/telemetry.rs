//! The supervisor's own lines: `tracing` to standard error, text in a terminal, JSON in Lambda.

pub(crate) mod json;

use std::io::{IsTerminal, stderr};

use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt::format::JsonFields,
    layer::SubscriberExt,
};

use config::LogLevel;
use environment::Platform;

/// The format of the lines, by who reads them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A person.
    Text,
    /// A log service.
    Json,
}

impl Format {
    /// The format for a platform.
    pub fn of(platform: Platform) -> Self {
        match platform {
            Platform::Lambda => Self::Json,
            Platform::Terminal => Self::Text,
        }
    }
}

/// Starts logging from `level` up. Only the first call in a process has an effect.
pub fn start(level: LogLevel, format: Format) {
    let lines = tracing_subscriber::fmt::layer().with_writer(stderr);
    let registry = tracing_subscriber::registry().with(targets(filter(level)));
    let _only_the_first_counts = match format {
        Format::Json => {
            let lines = lines
                .fmt_fields(JsonFields::new())
                .event_format(json::FlatJson);
            tracing::subscriber::set_global_default(registry.with(lines))
        }
        Format::Text => {
            let lines = lines
                .without_time()
                .with_target(false)
                .with_ansi(stderr().is_terminal());
            tracing::subscriber::set_global_default(registry.with(lines))
        }
    };
}

/// The crates whose lines are the supervisor's own.
const OWN: [&str; 11] = [
    "config",
    "container",
    "environment",
    "faas_supervisor",
    "image",
    "interpose",
    "lambda_sandbox",
    "net",
    "rootfs",
    "sandbox_probe",
    "storage",
];

/// Libraries log from warnings up: below that they repeat requests, session tokens included.
fn targets(level: LevelFilter) -> Targets {
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_targets(OWN.map(|name| (name, level)))
        // Its span carries the request id and the trace id onto our lines …
        .with_target("lambda_runtime::layers", LevelFilter::INFO)
        // … and its own line would repeat a function error, container output included.
        .with_target("lambda_runtime::layers::panic", LevelFilter::OFF)
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Trace => LevelFilter::TRACE,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warning => LevelFilter::WARN,
        LogLevel::Error | LogLevel::Critical => LevelFilter::ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_of_the_house_is_heard_and_no_library() {
        let crates = concat!(env!("CARGO_MANIFEST_DIR"), "/crates");
        let mut names: Vec<String> = std::fs::read_dir(crates)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.contains('.'))
            .map(|name| name.replace('-', "_"))
            .collect();
        names.push("faas_supervisor".to_owned());
        names.sort();
        assert_eq!(names, OWN);
        let targets = targets(LevelFilter::DEBUG);
        assert!(targets.would_enable("storage::s3::download", &tracing::Level::DEBUG));
        assert!(!targets.would_enable("aws_config::profile", &tracing::Level::DEBUG));
    }
}
