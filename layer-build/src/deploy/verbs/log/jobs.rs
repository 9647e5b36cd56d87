//! The log of the jobs that a request submitted.

use aws_sdk_batch::types::{
    ContainerDetail, ContainerProperties, JobDetail, JobStatus, KeyValuePair, NodeProperties,
};
use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;

use crate::deploy::aws::{AwsError, AwsErrorKind, Context, Services, batch, logs};
use crate::deploy::error::DeployError;

/// Where AWS Batch puts the logs of jobs.
const GROUP: &str = "/aws/batch/job";
/// Jobs that one request may describe (AWS Batch API reference, `DescribeJobs`).
const AT_ONCE: usize = 100;
/// The variable with the id of a job's request, which the supervisor sets when it submits the job.
const REQUEST: &str = "AWS_LAMBDA_REQUEST_ID";

/// What is found of jobs.
#[derive(Debug, Default)]
pub(super) struct FoundLog {
    /// Their log.
    pub(super) events: Vec<FilteredLogEvent>,
    /// A remark for each job without a log.
    pub(super) remarks: Vec<String>,
}

/// What the jobs of a request have logged, in all their attempts and on all their nodes, whatever their status.
///
/// # Errors
/// [`DeployError`].
pub(super) async fn events(
    services: &Services,
    queue: &str,
    request: &str,
) -> Result<FoundLog, DeployError> {
    let mut found = FoundLog::default();
    match batch::queue(services, queue).await {
        Ok(Some(_)) => {}
        Ok(None) => return Ok(found),
        // A user who may not look at jobs still sees the function's lines.
        Err(error) if error.kind == AwsErrorKind::Denied => return Ok(found),
        Err(error) => return Err(error.into()),
    }
    let ids = list(services, &JobsOf::Queue(queue)).await?;
    for job in describe(services, &ids).await? {
        if !is_of(&job, request) {
            continue;
        }
        let id = job.job_id().unwrap_or_default();
        let mut streams = streams(&job);
        if job.node_properties().is_some() {
            let nodes = list(services, &JobsOf::Job(id)).await?;
            let nodes = describe(services, &nodes).await?;
            streams.extend(nodes.iter().flat_map(self::streams));
        }
        if streams.is_empty() {
            let status = job.status().map_or("unknown", JobStatus::as_str);
            let reason = job.status_reason().unwrap_or("it has logged nothing yet");
            found
                .remarks
                .push(format!("job {id} is {status}: {reason}"));
        }
        for stream in streams {
            found
                .events
                .extend(logs::events(&services.job_logs, GROUP, Some(&stream), 0).await?);
        }
    }
    Ok(found)
}

enum JobsOf<'a> {
    Queue(&'a str),
    Job(&'a str),
}

/// Ids of all jobs. One request lists the jobs of one status only (AWS Batch API reference, `ListJobs`).
async fn list(services: &Services, of: &JobsOf<'_>) -> Result<Vec<String>, AwsError> {
    let mut ids = Vec::new();
    for status in JobStatus::values() {
        let request = services.batch.list_jobs();
        let (request, what) = match of {
            JobsOf::Queue(queue) => (request.job_queue(*queue), queue),
            JobsOf::Job(job) => (request.multi_node_job_id(*job), job),
        };
        let request = request.job_status(JobStatus::from(*status));
        let pages = request.into_paginator().items().send();
        let page = pages
            .collect::<Result<Vec<_>, _>>()
            .await
            .context(format!("list jobs of {what}"))?;
        ids.extend(page.into_iter().filter_map(|job| job.job_id));
    }
    Ok(ids)
}

async fn describe(services: &Services, ids: &[String]) -> Result<Vec<JobDetail>, AwsError> {
    let mut jobs = Vec::new();
    for ids in ids.chunks(AT_ONCE) {
        let request = services.batch.describe_jobs().set_jobs(Some(ids.to_vec()));
        let answer = request.send().await.context("look up jobs")?;
        jobs.extend(answer.jobs.unwrap_or_default());
    }
    Ok(jobs)
}

fn is_of(job: &JobDetail, request: &str) -> bool {
    let names = |pair: &KeyValuePair| pair.name() == Some(REQUEST) && pair.value() == Some(request);
    let single = job.container().map(ContainerDetail::environment);
    let nodes = job.node_properties().into_iter();
    let nodes = nodes.flat_map(NodeProperties::node_range_properties);
    let nodes = nodes.filter_map(|range| range.container().map(ContainerProperties::environment));
    single.into_iter().chain(nodes).flatten().any(names)
}

/// Log streams of all attempts, in order.
fn streams(job: &JobDetail) -> Vec<String> {
    let attempts = job.attempts().iter();
    let earlier = attempts.filter_map(|attempt| attempt.container()?.log_stream_name());
    let last = job
        .container()
        .and_then(|container| container.log_stream_name());
    let mut streams: Vec<String> = Vec::new();
    for stream in earlier.chain(last) {
        if !streams.iter().any(|known| known == stream) {
            streams.push(stream.to_owned());
        }
    }
    streams
}
