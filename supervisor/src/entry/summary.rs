//! The terminal's display: progress during the run, then a summary or the report as JSON.

use std::{convert::Infallible, fmt::Write, io::IsTerminal, time::Duration};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::{
    invocation::{Monitor, Phase, Report, report::PhaseTimes},
    response::{Outcome, exit_code},
};
use storage::Progress;

/// Shows the phase on a terminal, with a bar for the bytes under way. Shows nothing elsewhere, and nothing while the
/// container uses the terminal. Never completes: drop it.
pub async fn progress(monitor: &Monitor) -> Infallible {
    if !std::io::stderr().is_terminal() {
        return std::future::pending().await;
    }
    let bar = Bar(ProgressBar::new(0));
    let mut phase = monitor.phase.subscribe();
    loop {
        let now = *phase.borrow_and_update();
        match now {
            Phase::Preparing => bar.show("preparing the image and the input", &monitor.received),
            Phase::Running => bar.0.finish_and_clear(),
            Phase::StagingOut => bar.show("uploading", &monitor.sent),
        }
        let tick = tokio::time::sleep(Duration::from_millis(100));
        tokio::select! {
            () = tick, if now != Phase::Running => bar.0.tick(),
            changed = phase.changed() => if changed.is_err() {
                return std::future::pending().await;
            },
        }
    }
}

/// Cleared when the display is dropped, so that the summary starts on a clean line.
struct Bar(ProgressBar);

impl Bar {
    fn show(&self, what: &'static str, bytes: &Progress) {
        if self.0.is_finished() {
            self.0.reset();
        }
        let template = match bytes.expected() {
            0 => "{spinner} {msg} [{elapsed}]",
            _ => "{spinner} {msg} {wide_bar} {binary_bytes}/{binary_total_bytes} [{elapsed}]",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.0.set_style(style);
        }
        self.0.set_message(what);
        self.0.set_length(bytes.expected());
        self.0.set_position(bytes.bytes());
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// The closing summary for a person.
pub fn text(report: &Report, code: i32) -> String {
    let mut text = String::new();
    let _infallible = write_text(&mut text, report, code);
    text
}

fn write_text(text: &mut String, report: &Report, code: i32) -> std::fmt::Result {
    for reason in &report.skipped {
        writeln!(text, "skipped: {reason}")?;
    }
    if let Outcome::Failed(failure) = &report.outcome {
        writeln!(text, "error: {}: {}", failure.name, failure.message)?;
    }
    for file in report.uploaded() {
        let bytes = HumanBytes(file.bytes);
        writeln!(
            text,
            "output: {} -> {} ({bytes})",
            file.file.display(),
            file.destination
        )?;
    }
    if let Some(workspace) = &report.workspace {
        writeln!(text, "workspace kept: {}", workspace.display())?;
    }
    let phases = report.phases();
    writeln!(
        text,
        "{}, exit {code}: prepare {}, stage in {} ({}), run {}, stage out {} ({}), total {}",
        ending(&report.outcome),
        seconds(phases.prepare),
        seconds(phases.stage_in),
        HumanBytes(report.bytes_in()),
        seconds(phases.run),
        seconds(phases.stage_out),
        HumanBytes(report.bytes_out()),
        seconds(report.elapsed),
    )
}

fn ending(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Exited { code: 0 } => "done".to_owned(),
        Outcome::Exited { code } => format!("container failed with code {code}"),
        Outcome::Killed { signal } => format!("container killed by signal {signal}"),
        Outcome::TimedOut => "stopped at the deadline".to_owned(),
        Outcome::Delegated { job_id } => format!("delegated to AWS Batch job {job_id}"),
        Outcome::Failed(_) => "failed".to_owned(),
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.3} s", duration.as_secs_f64())
}

/// The report for a program.
pub fn json(report: &Report, code: i32) -> Value {
    let records = report.records.iter().map(|record| {
        let mut value = outcome(&record.outcome);
        value["label"] = json!(record.label);
        value["bytes_in"] = json!(record.bytes_in);
        value["log"] = json!(String::from_utf8_lossy(&record.log));
        value["phases"] = phases(&record.phases.times());
        value
    });
    let mut value = outcome(&report.outcome);
    value["exit_code"] = json!(code);
    value["records"] = records.collect();
    value["skipped"] = json!(report.skipped);
    value["phases"] = phases(&report.phases());
    value["phases"]["total_ms"] = milliseconds(report.elapsed);
    value["bytes_in"] = json!(report.bytes_in());
    value["bytes_out"] = json!(report.bytes_out());
    value["outputs"] = report
        .uploaded()
        .map(|file| {
            json!({
                "file": file.file.to_string_lossy(),
                "destination": file.destination,
                "bytes": file.bytes,
            })
        })
        .collect();
    value["udocker_commands"] = json!(report.udocker_commands);
    value["workspace"] = json!(report.workspace);
    value
}

fn outcome(outcome: &Outcome) -> Value {
    let (name, signal, error) = match outcome {
        Outcome::Exited { .. } => ("exited", None, None),
        Outcome::Killed { signal } => ("killed", Some(*signal), None),
        Outcome::TimedOut => ("timed-out", None, None),
        Outcome::Delegated { .. } => ("delegated", None, None),
        Outcome::Failed(failure) => (
            "failed",
            None,
            Some(json!({"name": failure.name.as_str(), "message": failure.message})),
        ),
    };
    json!({
        "outcome": name,
        "exit_code": exit_code(outcome),
        "signal": signal,
        "error": error,
    })
}

fn phases(phases: &PhaseTimes) -> Value {
    json!({
        "prepare_ms": milliseconds(phases.prepare),
        "stage_in_ms": milliseconds(phases.stage_in),
        "run_ms": milliseconds(phases.run),
        "stage_out_ms": milliseconds(phases.stage_out),
    })
}

/// Milliseconds with microseconds as decimals.
fn milliseconds(duration: Duration) -> Value {
    let micros = u32::try_from(duration.as_micros()).unwrap_or(u32::MAX);
    json!(f64::from(micros) / 1000.0)
}
