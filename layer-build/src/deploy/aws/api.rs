//! Amazon API Gateway: a REST API with one resource. Every call of it starts the function.

mod change;
mod resources;

use aws_sdk_apigateway::types::{IntegrationType, RestApi};
use serde_json::{Value, json};

use super::Services;
use super::error::{AwsError, AwsErrorKind, Context};
use crate::deploy::plan::observed::{ApiState, Endpoints, FunctionState};
use crate::deploy::settings::{Settings, api::fill};

pub use change::{adopt, ensure, remove};
use resources::{FUNCTION_TAG, resources};

/// Variable in which SCAR puts the id of a function's API.
pub const API_VARIABLE: &str = "API_GATEWAY_ID";

/// The APIs that were made for a function.
///
/// # Errors
/// [`AwsError`].
pub async fn of_function(services: &Services, function: &str) -> Result<Vec<RestApi>, AwsError> {
    let pages = services.api.get_rest_apis().into_paginator().items().send();
    let all = pages
        .collect::<Result<Vec<_>, _>>()
        .await
        .context("list HTTP endpoints")?;
    let tagged = |api: &RestApi| {
        api.tags()
            .and_then(|tags| tags.get(FUNCTION_TAG))
            .is_some_and(|name| name == function)
    };
    Ok(all.into_iter().filter(tagged).collect())
}

/// Id of the endpoint in the variables of a function that SCAR deployed.
pub fn of_scar(function: Option<&FunctionState>) -> Option<String> {
    let variables = function?.value.get("environment")?;
    variables.get(API_VARIABLE)?.as_str().map(str::to_owned)
}

/// Looks up the function's endpoints: the one with the wanted name, and all others. `scar` is the id of one that SCAR made.
///
/// # Errors
/// [`AwsError`].
pub async fn observe(
    services: &Services,
    settings: &Settings,
    scar: Option<&str>,
) -> Result<Endpoints, AwsError> {
    let mut all = of_function(services, &settings.function.name).await?;
    if let Some(id) = scar.filter(|id| !all.iter().any(|api| api.id() == Some(*id))) {
        let request = services.api.get_rest_api().rest_api_id(id);
        let found = request
            .send()
            .await
            .context(format!("look up HTTP endpoint {id}"));
        match found {
            Ok(found) => {
                let api = RestApi::builder()
                    .id(id)
                    .set_name(found.name)
                    .set_tags(found.tags);
                all.push(api.build());
            }
            Err(error) if error.kind == AwsErrorKind::Absent => {}
            Err(error) => return Err(error),
        }
    }
    let mut endpoints = Endpoints::default();
    for api in all {
        let wanted = api.name().is_some() && api.name() == settings.api_gateway.name.as_deref();
        let id = api.id().unwrap_or_default().to_owned();
        if wanted && endpoints.wanted.is_none() {
            let value = value(services, settings, &api).await?;
            endpoints.wanted = Some(ApiState { id, value });
        } else {
            endpoints.others.push(id);
        }
    }
    Ok(endpoints)
}

/// An endpoint in the shape of [`crate::deploy::plan::values::api_value`]; what it lacks is `null`.
async fn value(services: &Services, settings: &Settings, api: &RestApi) -> Result<Value, AwsError> {
    let id = api.id().unwrap_or_default();
    let function = api.tags().and_then(|tags| tags.get(FUNCTION_TAG));
    let wanted = &settings.api_gateway;
    let resources = resources(services, id).await?;
    let resource = resources
        .iter()
        .find(|resource| resource.path_part() == Some(&wanted.path_part));
    let mut value = json!({ "function": function, "path_part": resource.and_then(|resource| resource.path_part()) });
    let Some(resource) = resource.and_then(|resource| resource.id()) else {
        return Ok(value);
    };
    let method = services
        .api
        .get_method()
        .rest_api_id(id)
        .resource_id(resource)
        .http_method(&wanted.http_method);
    let method = match method.send().await.context("look up the endpoint's method") {
        Ok(method) => method,
        Err(error) if error.kind == AwsErrorKind::Absent => return Ok(value),
        Err(error) => return Err(error),
    };
    value["http_method"] = method.http_method().into();
    value["authorization"] = method.authorization_type().into();
    value["method_parameters"] = json!(method.request_parameters());
    if let Some(integration) = method.method_integration() {
        value["integration"] = integration.r#type().map(IntegrationType::as_str).into();
        value["integration_method"] = integration.http_method().into();
        value["uri"] = integration.uri().into();
        value["integration_parameters"] = json!(integration.request_parameters());
    }
    let stage = services
        .api
        .get_stage()
        .rest_api_id(id)
        .stage_name(&wanted.stage_name)
        .send()
        .await;
    match stage.context("look up the endpoint's stage") {
        Ok(stage) => value["stage"] = stage.stage_name().into(),
        Err(error) if error.kind == AwsErrorKind::Absent => {}
        Err(error) => return Err(error),
    }
    Ok(value)
}

/// The URL that calls go to.
pub fn url(settings: &Settings, id: &str) -> String {
    let values = [
        ("api_id", id),
        ("api_region", settings.api.region.as_str()),
        ("stage_name", settings.api_gateway.stage_name.as_str()),
    ];
    fill(&settings.api_gateway.endpoint, &values)
}
