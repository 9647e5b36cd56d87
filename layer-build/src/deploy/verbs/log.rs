//! `log`: shows the log of a function and of its jobs.

mod jobs;

use std::collections::HashSet;
use std::time::Duration;

use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use serde_json::{Value, json};

use crate::deploy::aws::{Services, logs};
use crate::deploy::cli::LogOptions;
use crate::deploy::error::DeployError;
use crate::deploy::plan::values::log_group_name;
use crate::deploy::session::Session;
use jobs::FoundLog;

/// Pause between two requests when following.
const FOLLOW: Duration = Duration::from_secs(2);
/// How far back each request goes, in milliseconds: lines of several instances arrive late and out of order.
const LATE: i64 = 30_000;

/// Shows logs.
///
/// # Errors
/// [`DeployError`].
pub async fn log(session: &Session, options: &LogOptions) -> Result<(), DeployError> {
    let settings = session.one(&options.selector)?;
    let services = session.services(&settings).await;
    let source = Source {
        session,
        services: &services,
        function: &settings.function.name,
        options,
    };
    if options.follow {
        return source.follow().await;
    }
    let found = source.read(0).await?;
    for note in &found.remarks {
        session.reporter.note(note);
    }
    let text = found.events.iter().map(line).collect::<Vec<_>>();
    session
        .reporter
        .result(&text.join("\n"), &found.events.iter().map(value).collect());
    Ok(())
}

struct Source<'a> {
    session: &'a Session,
    services: &'a Services,
    function: &'a str,
    options: &'a LogOptions,
}

impl Source<'_> {
    /// Shows each line once, as it arrives, until the command is interrupted.
    async fn follow(&self) -> Result<(), DeployError> {
        let reporter = &self.session.reporter;
        let (mut from, mut shown, mut remarks) = (0, HashSet::new(), Vec::new());
        loop {
            let found = self.read(from).await?;
            let id = |event: &FilteredLogEvent| event.event_id().unwrap_or_default().to_owned();
            for event in &found.events {
                if !shown.contains(&id(event)) {
                    reporter.line(&line(event), &value(event));
                }
            }
            for note in found.remarks.iter().filter(|note| !remarks.contains(*note)) {
                reporter.note(note);
            }
            let times = found.events.iter().filter_map(FilteredLogEvent::timestamp);
            // The lines of one request are found only from its first line on.
            if let (Some(last), None) = (times.max(), &self.options.request_id) {
                from = from.max(last - LATE);
            }
            shown = found.events.iter().map(id).collect();
            remarks = found.remarks;
            tokio::time::sleep(FOLLOW).await;
        }
    }

    async fn read(&self, from: i64) -> Result<FoundLog, DeployError> {
        let group = log_group_name(self.function);
        let stream = self.options.log_stream_name.as_deref();
        let events = logs::events(&self.services.logs, &group, stream, from).await?;
        let Some(id) = &self.options.request_id else {
            let remarks = Vec::new();
            return Ok(FoundLog { events, remarks });
        };
        let of_jobs = jobs::events(self.services, self.function, id).await?;
        let mut events = of_request(events, id);
        events.extend(of_jobs.events);
        Ok(FoundLog {
            events,
            remarks: of_jobs.remarks,
        })
    }
}

/// The lines of one request: those between the platform's START and REPORT lines in the same stream, and all that name the
/// request.
fn of_request(events: Vec<FilteredLogEvent>, id: &str) -> Vec<FilteredLogEvent> {
    let mut inside: HashSet<String> = HashSet::new();
    let mut found = Vec::new();
    for event in events {
        let message = event.message().unwrap_or_default();
        let names = message.contains(id);
        let stream = event.log_stream_name().unwrap_or_default().to_owned();
        let ends = names && message.starts_with("REPORT ");
        if names && message.starts_with("START ") {
            inside.insert(stream.clone());
        }
        if names || inside.contains(&stream) {
            found.push(event);
        }
        if ends {
            inside.remove(&stream);
        }
    }
    found
}

fn line(event: &FilteredLogEvent) -> String {
    event.message().unwrap_or_default().trim_end().to_owned()
}

fn value(event: &FilteredLogEvent) -> Value {
    json!({ "stream": event.log_stream_name(), "time": event.timestamp(), "message": event.message() })
}
