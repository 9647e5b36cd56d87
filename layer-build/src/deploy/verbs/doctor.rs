//! `doctor`: shows what the sandbox around a function allows.

use aws_sdk_lambda::types::LogType;
use sandbox_probe::{FORMAT, KEY, Report};
use serde_json::{Value, json};

use crate::deploy::aws::invoke::{Answer, Call, invoke};
use crate::deploy::cli::FunctionSelector;
use crate::deploy::error::DeployError;
use crate::deploy::session::Session;

/// Asks the function for a report in place of a run, and shows it. The exit code is 0.
///
/// # Errors
/// [`DeployError`], also when the function answers with something else than a report.
pub async fn doctor(session: &Session, selector: &FunctionSelector) -> Result<u8, DeployError> {
    let settings = session.one(selector)?;
    let services = session.services(&settings).await;
    let name = &settings.function.name;
    let call = Call::waiting(name, LogType::Tail);
    let answer = invoke(&services, &call, &json!({ KEY: true })).await?;
    let report = read(&answer).map_err(|why| {
        if let Some(log) = &answer.log {
            session.reporter.note(log.trim_end());
        }
        DeployError::Usage(format!("function {name} {why}"))
    })?;
    // The report comes from the function: its control characters must not reach the terminal.
    let text = report
        .to_string()
        .replace(|c: char| c.is_control() && c != '\n', "\u{fffd}");
    session.reporter.result(&text, &answer.payload);
    Ok(0)
}

/// Reads the report. The error says what the function did in its place, and what to do about it.
fn read(answer: &Answer) -> Result<Report, String> {
    let format = answer.payload.get(KEY).and_then(Value::as_u64);
    match format {
        Some(format) if format > u64::from(FORMAT) => Err(format!(
            "answered with a report of format {format}, and this faas-deploy reads format {FORMAT}: install the faas-deploy of the \
             function's version, or read what --json would print with `aws lambda invoke`"
        )),
        Some(_) => serde_json::from_value(answer.payload.clone()).map_err(|error| {
            format!("answered with a report that cannot be read ({error}): update the function, or faas-deploy, so that both are of one version")
        }),
        None if answer.error.is_some() => {
            let message = answer.payload.get("errorMessage").and_then(Value::as_str);
            Err(format!("failed: {}", message.unwrap_or("it said nothing")))
        }
        None => Err(format!(
            "has run its container in place of reporting: its supervisor knows no {KEY}. Bring it to this version with \
             `faas-deploy update` (build the layer first: make layer), then ask again"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(payload: Value, error: Option<&str>) -> Answer {
        Answer {
            payload,
            error: error.map(str::to_owned),
            ..Answer::default()
        }
    }

    #[test]
    fn what_is_no_report_is_told_apart() {
        let said = |payload, error| read(&answer(payload, error)).unwrap_err();
        let older = said(json!({ "statusCode": 200, "body": "" }), None);
        assert!(older.contains("faas-deploy update"), "{older}");
        // Emulators answer with what they were sent.
        let echo = said(json!({ "faas_doctor": true }), None);
        assert!(echo.contains("faas-deploy update"), "{echo}");
        let failed = said(json!({ "errorMessage": "no room" }), Some("Unhandled"));
        assert_eq!(failed, "failed: no room");
        let newer = said(json!({ "faas_doctor": FORMAT + 1 }), None);
        assert!(newer.contains("reads format"), "{newer}");
        let broken = said(json!({ "faas_doctor": FORMAT }), None);
        assert!(broken.contains("cannot be read"), "{broken}");
    }
}
