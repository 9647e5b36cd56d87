//! What the user sees: progress on standard error, and results on standard output as text or as one JSON value.

use std::io::{self, Write};

use serde_json::Value;

/// How results are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text.
    Text,
    /// One JSON value.
    Json,
    /// As [`Format::Json`], with all of AWS's answer.
    Verbose,
}

/// Writes a remark to standard error.
pub fn note(text: &str) {
    // A closed standard error is no reason to stop half-way.
    drop(writeln!(io::stderr(), "{text}"));
}

/// Writes progress and results.
#[derive(Debug, Clone, Copy)]
pub struct Reporter {
    /// How results are shown.
    pub format: Format,
}

impl Reporter {
    /// Says that step `number` of `total` begins.
    pub fn begin(&self, step: &str, number: usize, total: usize) {
        self.note(&format!("[{number}/{total}] {step}"));
    }

    /// Writes a remark to standard error.
    #[allow(
        clippy::unused_self,
        reason = "everything that is shown goes through the reporter"
    )]
    pub fn note(&self, text: &str) {
        note(text);
    }

    /// Writes the result to standard output: `text`, or `value` where JSON was asked for.
    pub fn result(&self, text: &str, value: &Value) {
        let shown = match self.format {
            Format::Text => text.trim_end_matches('\n').to_owned(),
            Format::Json | Format::Verbose => format!("{value:#}"),
        };
        if !shown.is_empty() {
            drop(writeln!(io::stdout(), "{shown}"));
        }
    }

    /// Writes one of many results: a line of text, or a JSON value on one line.
    pub fn line(&self, text: &str, value: &Value) {
        let shown = match self.format {
            Format::Text => text.to_owned(),
            Format::Json | Format::Verbose => value.to_string(),
        };
        let mut out = io::stdout();
        drop(writeln!(out, "{shown}").and_then(|()| out.flush()));
    }

    /// Writes bytes to standard output as they are.
    #[allow(
        clippy::unused_self,
        reason = "everything that is shown goes through the reporter"
    )]
    pub fn raw(&self, bytes: &[u8]) {
        let mut out = io::stdout();
        drop(out.write_all(bytes).and_then(|()| out.flush()));
    }
}
