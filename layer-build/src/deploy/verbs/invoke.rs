//! `invoke`: calls a function through its HTTP endpoint.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::deploy::aws::{AwsError, Services, api, lambda};
use crate::deploy::cli::InvokeOptions;
use crate::deploy::error::DeployError;
use crate::deploy::report::Format;
use crate::deploy::session::Session;
use crate::deploy::settings::Settings;

/// Largest body of a call that waits for the result, in bytes (API Gateway quotas).
const WAITING_LIMIT: usize = 10 * 1024 * 1024;
/// Largest body of a call that does not wait, in bytes (Lambda quotas).
const ASYNCHRONOUS_LIMIT: usize = 1024 * 1024;

/// Calls the endpoint. The exit code is 0 when it answers with success, else 1.
///
/// # Errors
/// [`DeployError`].
pub async fn invoke(session: &Session, options: &InvokeOptions) -> Result<u8, DeployError> {
    let settings = session.one(&options.selector)?;
    let services = session.services(&settings).await;
    let id = endpoint(&services, &settings).await?;
    let query = match &options.parameters {
        Some(text) => query(text)?,
        None => String::new(),
    };
    let url = format!("{}{query}", api::url(&settings, &id));
    let request = request(options, &settings, &url)?;
    let answer = services
        .http
        .send(request)
        .await
        .map_err(|why| AwsError::new(format!("call {url}"), why.to_string()))?;
    let code = u8::from(!answer.status().is_success());
    if let Some(path) = &options.output_file {
        std::fs::write(path, answer.body()).map_err(|source| DeployError::Io {
            path: path.clone(),
            source,
        })?;
    }
    let status = answer.status().as_u16();
    match session.reporter.format {
        Format::Text if options.output_file.is_some() => {}
        Format::Text => session.reporter.raw(answer.body()),
        _ => session.reporter.result("", &json!({ "url": url, "status": status, "body": String::from_utf8_lossy(answer.body()) })),
    }
    if code != 0 {
        session
            .reporter
            .note(&format!("{url} answered {}", answer.status()));
    }
    Ok(code)
}

async fn endpoint(services: &Services, settings: &Settings) -> Result<String, DeployError> {
    let name = &settings.function.name;
    let found = api::of_function(services, name).await?;
    if let Some(id) = found.into_iter().find_map(|api| api.id) {
        return Ok(id);
    }
    // SCAR puts the endpoint's id into a variable of the function.
    let state = lambda::observe(services, name).await?;
    api::of_scar(state.as_ref()).ok_or_else(|| DeployError::Usage(format!("function {name} has no HTTP endpoint: deploy it with --api-gateway-name (-api) or api_gateway.name")))
}

fn request(
    options: &InvokeOptions,
    settings: &Settings,
    url: &str,
) -> Result<http::Request<Vec<u8>>, DeployError> {
    let asynchronous = options.asynchronous || settings.function.asynchronous;
    let limit = if asynchronous {
        ASYNCHRONOUS_LIMIT
    } else {
        WAITING_LIMIT
    };
    let (kind, body) = match (&options.data_binary, &options.json_data) {
        (Some(path), _) => {
            let content = std::fs::read(path).map_err(|source| DeployError::Io {
                path: path.clone(),
                source,
            })?;
            // The endpoint declares no binary types, so it passes a body on as text.
            (
                "application/octet-stream",
                BASE64_STANDARD.encode(content).into_bytes(),
            )
        }
        (None, Some(text)) => ("application/json", checked_json(text)?.into_bytes()),
        (None, None) => ("", Vec::new()),
    };
    if body.len() > limit {
        return Err(DeployError::Usage(format!(
            "the body has {} bytes as it is sent, and the endpoint takes {limit}: put the data into an input bucket of the function",
            body.len()
        )));
    }
    let mut request = http::Request::builder().uri(url);
    if !kind.is_empty() {
        request = request.method("POST").header("content-type", kind);
    }
    if asynchronous {
        request = request.header("X-Amz-Invocation-Type", "Event");
    }
    request.body(body).map_err(|error| {
        DeployError::Usage(format!(
            "{url:?} is not a URL that can be called: {error} (api_gateway.endpoint)"
        ))
    })
}

fn checked_json(text: &str) -> Result<String, DeployError> {
    let value: Value = serde_json::from_str(text)
        .map_err(|error| DeployError::Usage(format!("--json-data is not JSON: {error}")))?;
    Ok(value.to_string())
}

/// The query of a URL from JSON: `{"key": "value", "other": ["first", "second"]}`.
fn query(text: &str) -> Result<String, DeployError> {
    let wrong = || {
        DeployError::Usage(format!(
            "--parameters {text:?} is not a JSON map of texts or lists of texts"
        ))
    };
    let map: serde_json::Map<String, Value> = serde_json::from_str(text).map_err(|_| wrong())?;
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let mut pairs = Vec::new();
    for (name, value) in &map {
        let values = match value {
            Value::Array(items) => items.clone(),
            other => vec![other.clone()],
        };
        for value in values {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            pairs.push(format!("{}={}", encode(name), encode(&text)));
        }
    }
    Ok(if pairs.is_empty() {
        String::new()
    } else {
        format!("?{}", pairs.join("&"))
    })
}
