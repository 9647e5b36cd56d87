//! `api_gateway`: the templates of an HTTP endpoint.

use std::collections::BTreeMap;

use super::error::SettingsError;
use super::reader::Reader;
use crate::deploy::partition::Partition;

/// Settings of an HTTP endpoint. `{…}` in the texts is filled in by [`fill`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiGateway {
    /// The API's name; `None` for a function without an endpoint.
    pub name: Option<String>,
    /// URL that calls go to.
    pub endpoint: String,
    /// `ANY` or one method.
    pub http_method: String,
    /// `method.authorizationType`.
    pub authorization: String,
    /// `method.requestParameters`.
    pub method_parameters: BTreeMap<String, bool>,
    /// `integration.type`.
    pub integration: String,
    /// `integration.integrationHttpMethod`.
    pub integration_method: String,
    /// `integration.uri`.
    pub uri: String,
    /// `integration.requestParameters` and `request_parameters`.
    pub integration_parameters: BTreeMap<String, String>,
    /// The resource below the root.
    pub path_part: String,
    /// The stage.
    pub stage_name: String,
    /// The service that may call the function.
    pub service_id: String,
    /// The ARN on whose behalf the console's test button calls.
    pub source_arn_testing: String,
    /// The ARN on whose behalf the stage calls.
    pub source_arn_invocation: String,
}

pub(super) fn read(read: &Reader<'_>, partition: Partition) -> Result<ApiGateway, SettingsError> {
    let text = |key: &str| -> Result<String, SettingsError> {
        let key = format!("api_gateway.{key}");
        read.text(&key)?
            .ok_or_else(|| read.missing(&key, "restore the default"))
    };
    let mut integration_parameters = read.texts("api_gateway.request_parameters")?;
    integration_parameters.extend(read.texts("api_gateway.integration.requestParameters")?);
    let method_parameters = read.texts("api_gateway.method.requestParameters")?;
    Ok(ApiGateway {
        name: read.text("api_gateway.name")?,
        endpoint: partition.hosts(&text("endpoint")?),
        http_method: text("http_method")?,
        authorization: text("method.authorizationType")?,
        method_parameters: method_parameters
            .into_iter()
            .map(|(name, value)| (name, value == "true"))
            .collect(),
        integration: text("integration.type")?,
        integration_method: text("integration.integrationHttpMethod")?,
        uri: partition.arns(&text("integration.uri")?),
        integration_parameters,
        path_part: text("path_part")?,
        stage_name: text("stage_name")?,
        service_id: text("service_id")?,
        source_arn_testing: partition.arns(&text("source_arn_testing")?),
        source_arn_invocation: partition.arns(&text("source_arn_invocation")?),
    })
}

/// Replaces each `{name}` by its value; other braces stay.
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    values
        .iter()
        .fold(template.to_owned(), |text, (name, value)| {
            text.replace(&format!("{{{name}}}"), value)
        })
}
