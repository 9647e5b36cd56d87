//! Answers that name each message or task.

use aws_lambda_events::s3::batch_job::{S3BatchJobResponse, S3BatchJobResult};
use serde_json::{Value, json};

use super::payload::what;
use super::shorten::{shortened_text, tail};
use super::{FinishedItem, ITEM_LOG_LIMIT, Outcome};
use crate::event::Operation;

/// The messages that are to be delivered again (Lambda developer guide, "Reporting batch item failures").
pub(super) fn queue(items: &[FinishedItem]) -> Value {
    let failed = items
        .iter()
        .filter(|item| {
            // A job that works on the message is not to be started twice.
            !matches!(
                item.outcome,
                Outcome::Exited { code: 0 } | Outcome::Delegated { .. }
            )
        })
        .map(|item| json!({ "itemIdentifier": item.id }));
    json!({ "batchItemFailures": failed.collect::<Vec<_>>() })
}

/// What became of each task (S3 user guide, "Invoke AWS Lambda function").
pub(super) fn operations(operation: &Operation, items: &[FinishedItem]) -> Value {
    let mut response = S3BatchJobResponse::default();
    response.invocation_schema_version = Some(operation.schema_version.clone());
    response.treat_missing_keys_as = Some("PermanentFailure".to_owned());
    response.invocation_id = Some(operation.invocation_id.clone());
    response.results = items.iter().map(result).collect();
    json!(response)
}

fn result(item: &FinishedItem) -> S3BatchJobResult {
    let code = match &item.outcome {
        Outcome::Exited { code: 0 } | Outcome::Delegated { .. } => "Succeeded",
        Outcome::Exited { .. } | Outcome::Killed { .. } => "PermanentFailure",
        Outcome::Failed(failure) if failure.name.is_permanent() => "PermanentFailure",
        Outcome::TimedOut | Outcome::Failed(_) => "TemporaryFailure",
    };
    let log = String::from_utf8_lossy(tail(&item.log, ITEM_LOG_LIMIT));
    let text = match (&item.outcome, log.trim()) {
        (Outcome::Exited { code: 0 }, log) => log.to_owned(),
        (outcome, "") => message(outcome),
        (outcome, log) => format!("{}: {log}", message(outcome)),
    };
    let mut result = S3BatchJobResult::default();
    result.task_id = Some(item.id.clone());
    result.result_code = Some(code.to_owned());
    result.result_string = Some(text);
    result
}

fn message(outcome: &Outcome) -> String {
    shortened_text(what(outcome).as_bytes(), ITEM_LOG_LIMIT)
}
