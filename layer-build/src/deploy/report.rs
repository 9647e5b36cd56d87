//! What the user sees: progress on standard error, results on standard output, as text or as one JSON value.

use std::io::{self, Write};

use serde_json::Value;

use super::plan::Step;

/// How results are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON value.
    Json,
    /// As [`Format::Json`], with everything AWS answered.
    Verbose,
}

/// Something worth knowing, beside the result.
pub fn note(text: &str) {
    // A closed standard error is no reason to stop half-way.
    drop(writeln!(io::stderr(), "{text}"));
}

/// Shows progress and results.
#[derive(Debug, Clone, Copy)]
pub struct Reporter {
    /// How results are shown.
    pub format: Format,
}

impl Reporter {
    /// A step begins.
    pub fn begin(&self, step: &Step, number: usize, of: usize) {
        self.note(&format!("[{number}/{of}] {}", step.words()));
    }

    /// Something worth knowing, beside the result.
    #[allow(
        clippy::unused_self,
        reason = "everything that is shown goes through the reporter"
    )]
    pub fn note(&self, text: &str) {
        note(text);
    }

    /// The result: `text` for people, `value` for machines.
    pub fn result(&self, text: &str, value: &Value) {
        let shown = match self.format {
            Format::Text => text.trim_end_matches('\n').to_owned(),
            Format::Json | Format::Verbose => format!("{value:#}"),
        };
        if !shown.is_empty() {
            drop(writeln!(io::stdout(), "{shown}"));
        }
    }

    /// One of many results: a line of text, or a JSON value in a line.
    pub fn line(&self, text: &str, value: &Value) {
        let shown = match self.format {
            Format::Text => text.to_owned(),
            Format::Json | Format::Verbose => value.to_string(),
        };
        let mut out = io::stdout();
        drop(writeln!(out, "{shown}").and_then(|()| out.flush()));
    }

    /// Bytes as they are.
    #[allow(
        clippy::unused_self,
        reason = "everything that is shown goes through the reporter"
    )]
    pub fn raw(&self, bytes: &[u8]) {
        let mut out = io::stdout();
        drop(out.write_all(bytes).and_then(|()| out.flush()));
    }
}
