//! The supervisor's own lines: `tracing` to standard error, text in a terminal, JSON in Lambda.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::filter::LevelFilter;

use crate::{config::LogLevel, environment::Place};

/// Who reads the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A person.
    Text,
    /// A log service.
    Json,
}

impl Format {
    /// What the place calls for.
    pub fn of(place: Place) -> Self {
        match place {
            Place::Lambda => Self::Json,
            Place::Terminal => Self::Text,
        }
    }
}

/// Starts telling what happens from `level` up. Only the first call in a process counts.
pub fn start(level: LogLevel, format: Format) {
    let builder = tracing_subscriber::fmt()
        .with_max_level(filter(level))
        .with_writer(stderr);
    let _only_the_first_counts = match format {
        Format::Json => tracing::subscriber::set_global_default(
            builder
                .json()
                .flatten_event(true)
                .with_span_list(false)
                .finish(),
        ),
        Format::Text => tracing::subscriber::set_global_default(
            builder
                .without_time()
                .with_target(false)
                .with_ansi(stderr().is_terminal())
                .finish(),
        ),
    };
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
