//! Amazon API Gateway: a REST API with one resource, whose every call starts the function.

use std::collections::HashMap;

use aws_sdk_apigateway::types::{IntegrationType, Resource, RestApi};
use serde_json::{Value, json};

use super::Services;
use super::error::{AwsError, Doing};
use super::lambda::gone;
use crate::deploy::plan::deploy::{CREATED_BY, CREATOR, integration_uri};
use crate::deploy::plan::observed::ApiState;
use crate::deploy::settings::{Settings, api::fill};

/// Tag that names the function of an API.
const FUNCTION: &str = "function";
/// What a function that SCAR deployed knows its API by.
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
        .doing("list HTTP endpoints")?;
    let tagged = |api: &RestApi| {
        api.tags()
            .and_then(|tags| tags.get(FUNCTION))
            .is_some_and(|name| name == function)
    };
    Ok(all.into_iter().filter(tagged).collect())
}

/// Looks the function's endpoint up.
///
/// # Errors
/// [`AwsError`].
pub async fn observe(
    services: &Services,
    settings: &Settings,
) -> Result<Option<ApiState>, AwsError> {
    let Some(name) = &settings.api_gateway.name else {
        return Ok(None);
    };
    let found = of_function(services, &settings.function.name).await?;
    let Some(api) = found.into_iter().find(|api| api.name() == Some(name)) else {
        return Ok(None);
    };
    let id = api.id.unwrap_or_default();
    let value = value(services, settings, &id).await?;
    Ok(Some(ApiState { id, value }))
}

/// In the shape of [`crate::deploy::plan::deploy::api_value`]; what is missing is `null`.
async fn value(services: &Services, settings: &Settings, id: &str) -> Result<Value, AwsError> {
    let wanted = &settings.api_gateway;
    let resources = resources(services, id).await?;
    let resource = resources
        .iter()
        .find(|resource| resource.path_part() == Some(&wanted.path_part));
    let mut value = json!({ "path_part": resource.and_then(|resource| resource.path_part()) });
    let Some(resource) = resource.and_then(|resource| resource.id()) else {
        return Ok(value);
    };
    let method = services
        .api
        .get_method()
        .rest_api_id(id)
        .resource_id(resource)
        .http_method(&wanted.http_method);
    let method = match method.send().await.doing("look up the endpoint's method") {
        Ok(method) => method,
        Err(error) if error.is_absence() => return Ok(value),
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
    match stage.doing("look up the endpoint's stage") {
        Ok(stage) => value["stage"] = stage.stage_name().into(),
        Err(error) if error.is_absence() => {}
        Err(error) => return Err(error),
    }
    Ok(value)
}

async fn resources(services: &Services, id: &str) -> Result<Vec<Resource>, AwsError> {
    let pages = services
        .api
        .get_resources()
        .rest_api_id(id)
        .into_paginator()
        .items()
        .send();
    pages
        .collect::<Result<Vec<_>, _>>()
        .await
        .doing(format!("list resources of HTTP endpoint {id}"))
}

/// Makes the endpoint, or completes and corrects one that is there; answers its id.
///
/// # Errors
/// [`AwsError`].
pub async fn ensure(
    services: &Services,
    settings: &Settings,
    account: &str,
    existing: Option<&str>,
) -> Result<String, AwsError> {
    let wanted = &settings.api_gateway;
    let name = wanted.name.as_deref().unwrap_or_default();
    let id = match existing {
        Some(id) => id.to_owned(),
        None => create(services, settings, name).await?,
    };
    let resource = resource(services, &id, &wanted.path_part).await?;
    let doing = |what: &str| format!("{what} HTTP endpoint {name}");
    // Both are replaced as a whole, which a method that is there does not allow.
    let old = services
        .api
        .delete_method()
        .rest_api_id(&id)
        .resource_id(&resource)
        .http_method(&wanted.http_method);
    gone(old.send().await.doing(doing("replace the method of")))?;
    let parameters = wanted
        .method_parameters
        .iter()
        .map(|(name, required)| (name.clone(), *required))
        .collect();
    let method = services
        .api
        .put_method()
        .rest_api_id(&id)
        .resource_id(&resource)
        .http_method(&wanted.http_method);
    let method = method
        .authorization_type(&wanted.authorization)
        .set_request_parameters(Some(parameters));
    method.send().await.doing(doing("set the method of"))?;
    let parameters: HashMap<_, _> = wanted.integration_parameters.clone().into_iter().collect();
    let integration = services
        .api
        .put_integration()
        .rest_api_id(&id)
        .resource_id(&resource)
        .http_method(&wanted.http_method);
    let integration = integration
        .r#type(IntegrationType::from(wanted.integration.as_str()))
        .integration_http_method(&wanted.integration_method)
        .uri(integration_uri(settings, account))
        .set_request_parameters(Some(parameters));
    integration
        .send()
        .await
        .doing(doing("set the integration of"))?;
    let stage = services
        .api
        .create_deployment()
        .rest_api_id(&id)
        .stage_name(&wanted.stage_name);
    stage.send().await.doing(doing("deploy the stage of"))?;
    Ok(id)
}

async fn create(services: &Services, settings: &Settings, name: &str) -> Result<String, AwsError> {
    let doing = format!("create HTTP endpoint {name}");
    let request = services
        .api
        .create_rest_api()
        .name(name)
        .tags(CREATED_BY, CREATOR);
    let request = request.tags(FUNCTION, &settings.function.name);
    let answer = request.send().await.doing(&doing)?;
    answer
        .id
        .ok_or_else(|| AwsError::new(doing, "the answer has no id"))
}

async fn resource(services: &Services, id: &str, path_part: &str) -> Result<String, AwsError> {
    let found = resources(services, id).await?;
    if let Some(known) = found
        .iter()
        .find(|resource| resource.path_part() == Some(path_part))
    {
        return Ok(known.id().unwrap_or_default().to_owned());
    }
    let root = found
        .iter()
        .find(|resource| resource.path() == Some("/"))
        .and_then(Resource::id);
    let doing = format!("create resource {path_part} of HTTP endpoint {id}");
    let root = root.ok_or_else(|| AwsError::new(&doing, "the API has no root"))?;
    let request = services
        .api
        .create_resource()
        .rest_api_id(id)
        .parent_id(root)
        .path_part(path_part);
    let answer = request.send().await.doing(&doing)?;
    answer
        .id
        .ok_or_else(|| AwsError::new(doing, "the answer has no id"))
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

/// Removes an endpoint.
///
/// # Errors
/// [`AwsError`].
pub async fn remove(services: &Services, id: &str) -> Result<(), AwsError> {
    gone(
        services
            .api
            .delete_rest_api()
            .rest_api_id(id)
            .send()
            .await
            .doing(format!("remove HTTP endpoint {id}")),
    )
}
