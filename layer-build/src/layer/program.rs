//! Runs helper programs, and extracts their errors.

use std::collections::BTreeSet;
use std::process::{Command, Output, Stdio};

use super::error::LayerError;

/// Most lines of a failed program's messages in an error.
const LINES: usize = 6;

/// Runs a program to its end, without input.
///
/// # Errors
/// [`LayerError::Program`] when it cannot be started.
pub(super) fn run(name: &'static str, command: &mut Command) -> Result<Output, LayerError> {
    command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| LayerError::Program {
            program: name,
            reported: format!(
                "{} cannot be started: {error}",
                command.get_program().display()
            ),
        })
}

/// The lines in which a program reported errors, else the last lines of its output.
pub(super) fn error_lines(output: &Output) -> String {
    let reported = [&output.stdout, &output.stderr].map(|stream| String::from_utf8_lossy(stream));
    let lines: Vec<&str> = reported.iter().flat_map(|stream| stream.lines()).collect();
    let is_error = |line: &&&str| line.to_lowercase().starts_with("error");
    let mut chosen: Vec<&str> = lines.iter().filter(is_error).copied().collect();
    if chosen.is_empty() {
        chosen = lines;
    }
    // A program that tries several times reports the same error several times.
    let mut seen = BTreeSet::new();
    chosen.retain(|line| !line.ends_with("retrying ...") && seen.insert(*line));
    if chosen.is_empty() {
        return output.status.to_string();
    }
    chosen[chosen.len().saturating_sub(LINES)..].join("; ")
}
