//! Creates, completes and removes an endpoint.

use std::collections::HashMap;

use aws_sdk_apigateway::types::{EndpointConfiguration, EndpointType, IntegrationType, Resource};

use super::resources::{FUNCTION_TAG, resources};
use crate::deploy::aws::Services;
use crate::deploy::aws::error::{AwsError, Context, ignore_absence};
use crate::deploy::partition::{Partition, arn};
use crate::deploy::plan::values::{CREATED_BY, CREATOR, integration_uri};
use crate::deploy::settings::Settings;

/// Creates the endpoint, or completes and corrects the one that exists, and returns its id.
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
    let what = |what: &str| format!("{what} HTTP endpoint {name}");
    // A method that exists cannot be put again: method and integration are replaced as a whole.
    let old = services
        .api
        .delete_method()
        .rest_api_id(&id)
        .resource_id(&resource)
        .http_method(&wanted.http_method);
    ignore_absence(old.send().await.context(what("replace the method of")))?;
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
    method.send().await.context(what("set the method of"))?;
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
        .context(what("set the integration of"))?;
    let stage = services
        .api
        .create_deployment()
        .rest_api_id(&id)
        .stage_name(&wanted.stage_name);
    stage.send().await.context(what("deploy the stage of"))?;
    Ok(id)
}

/// Tags an endpoint that SCAR made with its function's name.
///
/// # Errors
/// [`AwsError`].
pub async fn adopt(services: &Services, settings: &Settings, id: &str) -> Result<(), AwsError> {
    let region = &settings.api.region;
    let request = services
        .api
        .tag_resource()
        .resource_arn(arn("apigateway", region, "", &format!("/restapis/{id}")))
        .tags(CREATED_BY, CREATOR)
        .tags(FUNCTION_TAG, &settings.function.name);
    let answer = request.send().await;
    answer.context(format!("tag HTTP endpoint {id}")).map(drop)
}

async fn create(services: &Services, settings: &Settings, name: &str) -> Result<String, AwsError> {
    let what = format!("create HTTP endpoint {name}");
    let request = services
        .api
        .create_rest_api()
        .name(name)
        .tags(CREATED_BY, CREATOR);
    let request = request.tags(FUNCTION_TAG, &settings.function.name);
    let request = request.set_endpoint_configuration(endpoint_type(&settings.api.region));
    let answer = request.send().await.context(&what)?;
    answer
        .id
        .ok_or_else(|| AwsError::new(what, "the answer has no id"))
}

/// Regional endpoints outside the partition `aws`, which refuse the service's default (edge-optimized).
fn endpoint_type(region: &str) -> Option<EndpointConfiguration> {
    let regional = EndpointConfiguration::builder().types(EndpointType::Regional);
    (Partition::of(region) != Partition::Aws).then(|| regional.build())
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
    let what = format!("create resource {path_part} of HTTP endpoint {id}");
    let root = root.ok_or_else(|| AwsError::new(&what, "the API has no root"))?;
    let request = services
        .api
        .create_resource()
        .rest_api_id(id)
        .parent_id(root)
        .path_part(path_part);
    let answer = request.send().await.context(&what)?;
    answer
        .id
        .ok_or_else(|| AwsError::new(what, "the answer has no id"))
}

/// Removes an endpoint.
///
/// # Errors
/// [`AwsError`].
pub async fn remove(services: &Services, id: &str) -> Result<(), AwsError> {
    ignore_absence(
        services
            .api
            .delete_rest_api()
            .rest_api_id(id)
            .send()
            .await
            .context(format!("remove HTTP endpoint {id}")),
    )
}
