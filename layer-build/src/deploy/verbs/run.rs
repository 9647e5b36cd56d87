//! `run`: calls a function directly, once or for every file of a bucket.

use std::path::Path;

use aws_sdk_lambda::types::{InvocationType, LogType};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use config::split_path;
use futures_util::future::join_all;
use indicatif::ProgressBar;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::deploy::aws::invoke::{Answer, Call, invoke};
use crate::deploy::aws::{AwsError, Services, s3};
use crate::deploy::cli::RunOptions;
use crate::deploy::error::DeployError;
use crate::deploy::report::Format;
use crate::deploy::session::Session;
use crate::deploy::settings::{Settings, api::fill};

/// Most calls at the same time.
const AT_ONCE: usize = 500;
/// Largest payload of a call that waits for the result, in bytes (Lambda quotas).
const WAITING_LIMIT: usize = 6 * 1024 * 1024;
/// Largest payload of a call that does not wait, in bytes (Lambda quotas).
const ASYNCHRONOUS_LIMIT: usize = 1024 * 1024;
/// S3 encodes keys in notifications as forms do, except for slashes (S3 user guide, "Event message structure").
const KEY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/')
    .remove(b' ');

/// Runs a function, and returns the container's exit code.
///
/// # Errors
/// [`DeployError`].
pub async fn run(session: &Session, options: &RunOptions) -> Result<u8, DeployError> {
    let settings = session.one(&options.selector)?;
    let services = session.services(&settings).await;
    if let Some(input) = &options.input_bucket {
        return on_bucket(session, &settings, &services, input).await;
    }
    let asynchronous = options.asynchronous || settings.function.asynchronous;
    let call = Call {
        function: settings.function.name.clone(),
        invocation_type: if asynchronous {
            InvocationType::Event
        } else {
            settings.function.invocation_type.clone()
        },
        log_type: settings.function.log_type.clone(),
    };
    let payload = payload(options)?;
    let limit = if call.invocation_type == InvocationType::Event {
        ASYNCHRONOUS_LIMIT
    } else {
        WAITING_LIMIT
    };
    let size = payload.to_string().len();
    if size > limit {
        return Err(DeployError::Usage(format!(
            "the payload has {size} bytes and Lambda takes {limit}: put the data into a bucket and run on it with --input-bucket"
        )));
    }
    let answer = invoke(&services, &call, &payload).await?;
    show(session, &settings, &answer, options.output_file.as_deref())
}

/// The payload of a call. Arguments win over a script.
fn payload(options: &RunOptions) -> Result<Value, DeployError> {
    if !options.c_args.is_empty() {
        return Ok(json!({ "cmd_args": json!(options.c_args).to_string() }));
    }
    match &options.run_script {
        None => Ok(json!({})),
        Some(path) => {
            let content = std::fs::read(path).map_err(|source| DeployError::Io {
                path: path.clone(),
                source,
            })?;
            Ok(json!({ "script": BASE64_STANDARD.encode(content) }))
        }
    }
}

fn show(
    session: &Session,
    settings: &Settings,
    answer: &Answer,
    file: Option<&Path>,
) -> Result<u8, DeployError> {
    let (output, code) = answer.outcome();
    if let Some(log) = answer
        .log
        .as_ref()
        .filter(|_| session.reporter.format == Format::Verbose || answer.error.is_some())
    {
        session.reporter.note(log.trim_end());
    }
    if let Some(path) = file {
        std::fs::write(path, &output).map_err(|source| DeployError::Io {
            path: path.to_owned(),
            source,
        })?;
        session
            .reporter
            .note(&format!("output written to {}", path.display()));
    }
    let name = &settings.function.name;
    match session.reporter.format {
        Format::Text if file.is_some() => {}
        Format::Text if answer.status == 202 => session.reporter.result(&format!("function {name} has been started"), &Value::Null),
        Format::Text => session.reporter.raw(&output),
        Format::Json => session.reporter.result("", &json!({
            "function": name, "exit_code": code, "error": answer.error, "output": String::from_utf8_lossy(&output),
        })),
        Format::Verbose => session.reporter.result("", &json!({
            "function": name, "exit_code": code, "error": answer.error, "status": answer.status, "payload": answer.payload, "log": answer.log,
        })),
    }
    Ok(code)
}

/// Calls the function for every file: for the first one it waits, so that the image is in place; then it sends all others, a
/// limited number at a time.
async fn on_bucket(
    session: &Session,
    settings: &Settings,
    services: &Services,
    input: &str,
) -> Result<u8, DeployError> {
    let (bucket, folder) = split_path(input)
        .ok_or_else(|| DeployError::Usage(format!("{input:?} is not bucket or bucket/folder")))?;
    let bucket = bucket.to_string();
    let prefix = if folder.is_empty() {
        String::new()
    } else {
        format!("{folder}/")
    };
    let mut keys = s3::list(services, &bucket, &prefix).await?;
    keys.retain(|key| !key.ends_with('/'));
    let bar = ProgressBar::new(keys.len() as u64);
    let events: Vec<_> = keys
        .iter()
        .map(|key| event(&settings.event, &bucket, key))
        .collect();
    let name = settings.function.name.clone();
    let mut failed = Vec::new();
    if let Some((first, rest)) = events.split_first() {
        let call = Call::waiting(&name, LogType::Tail);
        let answer = invoke(services, &call, first).await?;
        bar.inc(1);
        if answer.outcome().1 != 0 {
            bar.finish_and_clear();
            session.reporter.note(&format!(
                "the first file failed, so the other {} are not sent",
                rest.len()
            ));
            return show(session, settings, &answer, None);
        }
        let call = Call {
            invocation_type: InvocationType::Event,
            ..call
        };
        for chunk in rest.chunks(AT_ONCE) {
            let sent = join_all(chunk.iter().map(|event| async {
                let sent = invoke(services, &call, event).await;
                bar.inc(1);
                sent
            }));
            failed.extend(sent.await.into_iter().filter_map(Result::err));
        }
    }
    bar.finish_and_clear();
    if !failed.is_empty() {
        let detail = failed.first().map(AwsError::to_string).unwrap_or_default();
        return Err(DeployError::Usage(format!(
            "{} of {} files have not been sent: {detail}",
            failed.len(),
            keys.len()
        )));
    }
    let text = format!(
        "{} files of {input} have been sent to function {name}",
        keys.len()
    );
    session.reporter.result(
        &text,
        &json!({ "function": name, "bucket": bucket, "files": keys }),
    );
    Ok(0)
}

/// The event of one file, from `s3.event`.
pub fn event(template: &Value, bucket: &str, key: &str) -> Value {
    let key = utf8_percent_encode(key, KEY).to_string().replace(' ', "+");
    filled(template, &[("bucket_name", bucket), ("file_key", &key)])
}

fn filled(template: &Value, values: &[(&str, &str)]) -> Value {
    match template {
        Value::String(text) => fill(text, values).into(),
        Value::Array(items) => items.iter().map(|item| filled(item, values)).collect(),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), filled(value, values)))
            .collect(),
        other => other.clone(),
    }
}
