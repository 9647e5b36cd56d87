//! Metrics in the function's log, from which `CloudWatch` takes them by itself: one line of embedded metric format for
//! each record (`CloudWatch` user guide, "Specification: Embedded metric format").

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::{
    entry::sink::Ids,
    invocation::{
        RecordReport, Report,
        report::{PhaseOutcome, RecordPhase},
    },
    response::Outcome,
};
use environment::{self as names, Environment};

/// The namespace of the metrics.
const NAMESPACE: &str = "faas-supervisor";

/// Whether metrics are written, and whose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Metrics {
    /// They are, for the function of this name.
    Of(String),
    /// They are not: `FAAS_METRICS=off`.
    Off,
}

impl Metrics {
    pub(super) fn new(environment: &Environment) -> Self {
        match environment.get(names::FAAS_METRICS) {
            Some(word) if word.eq_ignore_ascii_case("off") => Self::Off,
            _ => Self::Of(
                environment
                    .text(names::AWS_LAMBDA_FUNCTION_NAME)
                    .unwrap_or_default(),
            ),
        }
    }

    /// The lines of an invocation.
    pub(super) fn lines(&self, report: &Report, ids: &Ids) -> Vec<u8> {
        let Self::Of(function) = self else {
            return Vec::new();
        };
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let mut lines = Vec::new();
        for record in &report.records {
            let line = line(function, record, ids, now.as_millis());
            lines.extend(line.to_string().into_bytes());
            lines.push(b'\n');
        }
        lines
    }
}

fn line(function: &str, record: &RecordReport, ids: &Ids, now: u128) -> Value {
    let mut values = Map::new();
    let mut metrics = Vec::new();
    let mut metric = |name: String, unit: &str, value: Value| {
        metrics.push(json!({ "Name": name, "Unit": unit }));
        values.insert(name, value);
    };
    for (phase, name) in RecordPhase::ALL {
        if record.phases.outcome(phase).is_none() {
            continue;
        }
        let time = record.phases.time(phase);
        // Microseconds count for phases that are mostly warm.
        let millis = json!(time.as_secs_f64() * 1000.0);
        metric(format!("{name}Time"), "Milliseconds", millis);
        if let Some(bytes) = record.bytes_of(phase) {
            metric(format!("{name}Bytes"), "Bytes", json!(bytes));
        }
    }
    for name in ["Succeeded", "Failed", "TimedOut", "Delegated"] {
        let count = u8::from(name == counted_as(&record.outcome));
        metric(name.to_owned(), "Count", json!(count));
    }
    for (phase, name) in RecordPhase::ALL {
        let outcome = record.phases.outcome(phase);
        let outcome = outcome.map_or("not-reached", PhaseOutcome::name);
        values.insert(format!("{name}Outcome"), json!(outcome));
    }
    let timestamp = u64::try_from(now).unwrap_or(u64::MAX);
    values.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": timestamp,
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [["FunctionName"]],
                "Metrics": metrics,
            }],
        }),
    );
    values.insert("FunctionName".to_owned(), json!(function));
    values.insert("requestId".to_owned(), json!(ids.request));
    if let Some(trace) = &ids.trace {
        values.insert("xrayTraceId".to_owned(), json!(trace));
    }
    values.insert("record".to_owned(), json!(record.label));
    Value::Object(values)
}

fn counted_as(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Exited { code: 0 } => "Succeeded",
        Outcome::Exited { .. } | Outcome::Killed { .. } | Outcome::Failed(_) => "Failed",
        Outcome::TimedOut => "TimedOut",
        Outcome::Delegated { .. } => "Delegated",
    }
}
