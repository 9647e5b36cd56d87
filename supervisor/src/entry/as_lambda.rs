//! `--as-lambda`: runs an event on this machine under the restrictions of AWS Lambda, and reports what it used.
//!
//! Two processes of this program take part. The outer one prepares the surroundings ([`scratch`], [`user`]), starts the
//! program once more inside them ([`inside`]), samples it and enforces what the kernel cannot ([`watch`]), and reports
//! ([`usage`]). The inner one is an ordinary run that cannot leave the filter.

mod devices;
mod function;
mod inside;
mod processes;
mod scratch;
mod trial;
mod usage;
mod user;
mod watch;

use std::{io::Write as _, process::Stdio};

use anyhow::Context as _;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;

pub use function::{Function, settle};
pub use inside::{MARK, user_files};
pub use trial::{ReportFormat, Trial};
pub use user::{Access, Need};

use super::process::{block_on, complain};
use environment::end_signals::EndSignals;
use scratch::Scratch;
use usage::Usage;

/// Runs the trial. Returns the exit code: that of the run, 1 when its `/tmp` was too full, or 124 when it outlived the
/// function's timeout.
///
/// # Errors
/// When the imitation cannot be started at all. What cannot be imitated is reported with the usage.
pub fn main(trial: &Trial<'_>) -> anyhow::Result<i32> {
    let mut missing = function::never_imitated(&trial.function);
    let (code, usage, output) = block_on(in_surroundings(trial, &mut missing))?;
    show(trial, code, &usage, &missing, &output)
}

async fn in_surroundings(
    trial: &Trial<'_>,
    missing: &mut Vec<String>,
) -> anyhow::Result<(i32, Usage, Vec<u8>)> {
    // From here on no signal ends this process before the directory is removed.
    let mut signals = EndSignals::new()?;
    let scratch = Scratch::make(trial, missing).context("cannot make the function's /tmp")?;
    let result = match user::choose(&trial.needs, scratch.path(), missing) {
        Ok(user) => run(trial, &scratch, user, &mut signals).await,
        Err(error) => Err(error),
    };
    scratch.remove();
    result
}

async fn run(
    trial: &Trial<'_>,
    scratch: &Scratch,
    user: user::User,
    signals: &mut EndSignals,
) -> anyhow::Result<(i32, Usage, Vec<u8>)> {
    watch::adopt_orphans();
    let mut command = inside::command(trial, scratch, user)?;
    if trial.format == ReportFormat::Json {
        command.stdout(Stdio::piped());
    }
    let mut child = command.spawn().context(
        "cannot start the program under Lambda's filter; the kernel needs CONFIG_SECCOMP_FILTER, and an outer sandbox must allow seccomp(2)",
    )?;
    let stdout = child.stdout.take();
    let read = async {
        let mut output = Vec::new();
        if let Some(mut stdout) = stdout {
            stdout.read_to_end(&mut output).await?;
        }
        anyhow::Ok(output)
    };
    let (watched, output) = tokio::join!(
        watch::to_the_end(child, trial.function, scratch, signals),
        read
    );
    let (code, usage) = watched?;
    Ok((code, usage, output?))
}

fn show(
    trial: &Trial<'_>,
    code: i32,
    usage: &Usage,
    missing: &[String],
    output: &[u8],
) -> anyhow::Result<i32> {
    let text = usage::text(usage, &trial.function, missing);
    if trial.format == ReportFormat::Text {
        complain(&text);
        return Ok(code);
    }
    let mut stdout = std::io::stdout();
    if let Ok(mut report @ Value::Object(_)) = serde_json::from_slice(output) {
        report["as_lambda"] = usage::json(usage, &trial.function, missing);
        report["exit_code"] = code.into();
        stdout.write_all(format!("{report}\n").as_bytes())?;
    } else {
        // The run ended before it had anything to report; standard error says why.
        stdout.write_all(output)?;
        complain(&text);
    }
    Ok(code)
}
