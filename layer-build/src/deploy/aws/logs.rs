//! `CloudWatch` Logs.

use std::collections::BTreeMap;

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;

use super::Services;
use super::error::{AwsError, AwsErrorKind, Context, ignore_absence};
use crate::deploy::plan::observed::LogGroupState;

/// Looks a log group up.
///
/// # Errors
/// [`AwsError`].
pub async fn observe(services: &Services, group: &str) -> Result<Option<LogGroupState>, AwsError> {
    let request = services
        .logs
        .describe_log_groups()
        .log_group_name_prefix(group);
    let answer = request
        .send()
        .await
        .context(format!("look up log group {group}"))?;
    let found = answer
        .log_groups()
        .iter()
        .find(|found| found.log_group_name() == Some(group));
    let Some(found) = found else { return Ok(None) };
    // `arn` ends with `:*`, for the group's streams, which this request refuses (API reference, `ListTagsForResource`).
    let arn = found.arn().unwrap_or_default().trim_end_matches(":*");
    let request = services.logs.list_tags_for_resource().resource_arn(arn);
    let tags = match request
        .send()
        .await
        .context(format!("read the tags of {group}"))
    {
        Ok(answer) => Some(answer.tags.unwrap_or_default().into_iter().collect()),
        Err(error) if error.kind == AwsErrorKind::Denied => None,
        Err(error) => return Err(error),
    };
    Ok(Some(LogGroupState {
        arn: arn.to_owned(),
        tags,
        retention: found.retention_in_days(),
    }))
}

/// Adds tags to a log group; others stay.
///
/// # Errors
/// [`AwsError`].
pub async fn tag(
    services: &Services,
    arn: &str,
    tags: BTreeMap<String, String>,
) -> Result<(), AwsError> {
    let request = services
        .logs
        .tag_resource()
        .resource_arn(arn)
        .set_tags(Some(tags.into_iter().collect()));
    request
        .send()
        .await
        .context(format!("tag log group {arn}"))
        .map(drop)
}

/// Creates a log group.
///
/// # Errors
/// [`AwsError`].
pub async fn create(
    services: &Services,
    group: &str,
    tags: BTreeMap<String, String>,
) -> Result<(), AwsError> {
    let request = services
        .logs
        .create_log_group()
        .log_group_name(group)
        .set_tags(Some(tags.into_iter().collect()));
    match request
        .send()
        .await
        .context(format!("create log group {group}"))
    {
        Err(error) if error.kind != AwsErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Sets how many days logs are kept; 0 keeps them for ever.
///
/// # Errors
/// [`AwsError`].
pub async fn retain(services: &Services, group: &str, days: i32) -> Result<(), AwsError> {
    let what = format!("set the retention of log group {group}");
    if days == 0 {
        return ignore_absence(
            services
                .logs
                .delete_retention_policy()
                .log_group_name(group)
                .send()
                .await
                .context(what),
        );
    }
    let request = services
        .logs
        .put_retention_policy()
        .log_group_name(group)
        .retention_in_days(days);
    request.send().await.context(what).map(drop)
}

/// Removes a log group.
///
/// # Errors
/// [`AwsError`].
pub async fn remove(services: &Services, group: &str) -> Result<(), AwsError> {
    let request = services.logs.delete_log_group().log_group_name(group);
    ignore_absence(
        request
            .send()
            .await
            .context(format!("remove log group {group}")),
    )
}

/// The events of a group, or of one of its streams, from a time on (milliseconds since 1970), in order. A group that does not
/// exist has no events.
///
/// # Errors
/// [`AwsError`].
pub async fn events(
    client: &Client,
    group: &str,
    stream: Option<&str>,
    from: i64,
) -> Result<Vec<FilteredLogEvent>, AwsError> {
    let request = client
        .filter_log_events()
        .log_group_name(group)
        .start_time(from);
    let request = request.set_log_stream_names(stream.map(|stream| vec![stream.to_owned()]));
    let mut pages = request.into_paginator().send();
    let mut events = Vec::new();
    while let Some(page) = pages.next().await {
        match page.context(format!("read log group {group}")) {
            Ok(page) => events.extend(page.events.unwrap_or_default()),
            Err(error) if error.kind == AwsErrorKind::Absent => break,
            Err(error) => return Err(error),
        }
    }
    events.sort_by_key(|event| event.timestamp().unwrap_or_default());
    Ok(events)
}
