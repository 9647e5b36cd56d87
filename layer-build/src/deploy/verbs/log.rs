//! `log`: what a function has logged, with the log of its jobs.

use std::time::Duration;

use aws_sdk_batch::types::JobStatus;
use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use serde_json::{Value, json};

use crate::deploy::aws::{Doing, Services, batch, logs};
use crate::deploy::cli::LogOptions;
use crate::deploy::error::DeployError;
use crate::deploy::plan::deploy::log_group_name;
use crate::deploy::session::Session;

/// Where AWS Batch puts the logs of jobs.
const JOB_GROUP: &str = "/aws/batch/job";
/// Pause between two looks when following.
const FOLLOW: Duration = Duration::from_secs(2);
/// Jobs that one request may describe (AWS Batch API reference, `DescribeJobs`).
const AT_ONCE: usize = 100;

/// Shows logs.
///
/// # Errors
/// [`DeployError`].
pub async fn log(session: &Session, options: &LogOptions) -> Result<(), DeployError> {
    let settings = session.one(&options.which)?;
    let services = session.services(&settings).await;
    let name = &settings.function.name;
    let group = log_group_name(name);
    let stream = options.log_stream_name.as_deref();
    let mut events = logs::events(&services.logs, &group, stream, 0).await?;
    let last = events
        .iter()
        .filter_map(FilteredLogEvent::timestamp)
        .max()
        .unwrap_or_default();
    if let Some(id) = &options.request_id {
        events = of_request(events, id);
        events.extend(of_jobs(&services, name, id).await?);
    }
    show(session, &events);
    if options.follow {
        follow(session, &services, &group, stream, last).await?;
    }
    Ok(())
}

async fn follow(
    session: &Session,
    services: &Services,
    group: &str,
    stream: Option<&str>,
    last: i64,
) -> Result<(), DeployError> {
    let mut next = last + 1;
    loop {
        tokio::time::sleep(FOLLOW).await;
        let events = logs::events(&services.logs, group, stream, next).await?;
        next = events
            .iter()
            .filter_map(FilteredLogEvent::timestamp)
            .max()
            .map_or(next, |last| last + 1);
        if !events.is_empty() {
            show(session, &events);
        }
    }
}

/// The lines of one request: between the platform's START and REPORT of it, in the same stream. Lines that name it count
/// wherever they are.
fn of_request(events: Vec<FilteredLogEvent>, id: &str) -> Vec<FilteredLogEvent> {
    let mut inside: Option<String> = None;
    let mut found = Vec::new();
    for event in events {
        let message = event.message().unwrap_or_default();
        let names = message.contains(id);
        let stream = event.log_stream_name().map(str::to_owned);
        if names && message.starts_with("START ") {
            inside.clone_from(&stream);
        }
        let ends = names && message.starts_with("REPORT ");
        if names || (inside.is_some() && inside == stream) {
            found.push(event);
        }
        if ends {
            inside = None;
        }
    }
    found
}

/// The log of a request's jobs, whatever their status.
async fn of_jobs(
    services: &Services,
    name: &str,
    id: &str,
) -> Result<Vec<FilteredLogEvent>, DeployError> {
    let mut events = Vec::new();
    if batch::queue(services, name).await.ok().flatten().is_none() {
        return Ok(events);
    }
    let mut jobs = Vec::new();
    for status in JobStatus::values() {
        let pages = services
            .batch
            .list_jobs()
            .job_queue(name)
            .job_status(JobStatus::from(*status))
            .into_paginator()
            .items()
            .send();
        let page = pages
            .collect::<Result<Vec<_>, _>>()
            .await
            .doing(format!("list jobs of queue {name}"))?;
        jobs.extend(page.into_iter().filter_map(|job| job.job_id));
    }
    for ids in jobs.chunks(AT_ONCE) {
        let request = services.batch.describe_jobs().set_jobs(Some(ids.to_vec()));
        let answer = request
            .send()
            .await
            .doing(format!("look up jobs of queue {name}"))?;
        for job in answer.jobs() {
            let Some(container) = job.container() else {
                continue;
            };
            let of_request = container.environment().iter().any(|pair| {
                pair.name() == Some("AWS_LAMBDA_REQUEST_ID") && pair.value() == Some(id)
            });
            if let (true, Some(stream)) = (of_request, container.log_stream_name()) {
                events.extend(logs::events(&services.job_logs, JOB_GROUP, Some(stream), 0).await?);
            }
        }
    }
    Ok(events)
}

fn show(session: &Session, events: &[FilteredLogEvent]) {
    let lines: Vec<String> = events
        .iter()
        .map(|event| event.message().unwrap_or_default().trim_end().to_owned())
        .collect();
    let text = lines.join("\n");
    let value = |event: &FilteredLogEvent| json!({ "stream": event.log_stream_name(), "time": event.timestamp(), "message": event.message() });
    session
        .reporter
        .result(&text, &events.iter().map(value).collect::<Value>());
}
