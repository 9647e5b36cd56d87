//! `supervisor doctor --sandbox`, and the same report from a function.

use std::io::Write as _;

use container::shim::argv0;
use environment::{AWS_LAMBDA_FUNCTION_MEMORY_SIZE, Environment};
use sandbox_probe::{Prober, Report};

/// Tries everything, and looks around. Blocks for a fraction of a second.
pub fn report(environment: &Environment) -> Report {
    let prober = Prober {
        program: environment.own_binary(),
        arg0: argv0::PROBE,
        temp: environment.temp_dir(),
    };
    let size = environment.get(AWS_LAMBDA_FUNCTION_MEMORY_SIZE);
    Report::make(&prober, size.and_then(|size| size.parse().ok()))
}

/// Prints the report, for people or as one JSON object.
///
/// # Errors
/// The operating system's, when nobody reads it.
pub(super) fn print(environment: &Environment, json: bool) -> anyhow::Result<i32> {
    let report = report(environment);
    let text = if json {
        serde_json::to_string_pretty(&report)? + "\n"
    } else {
        report.to_string()
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(0)
}
