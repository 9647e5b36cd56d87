//! How an endpoint names its function, and its resources.

use aws_sdk_apigateway::types::Resource;

use crate::deploy::aws::Services;
use crate::deploy::aws::error::{AwsError, Context};

/// Tag of an API with the name of its function.
pub(super) const FUNCTION_TAG: &str = "function";

/// All resources of an endpoint.
pub(super) async fn resources(services: &Services, id: &str) -> Result<Vec<Resource>, AwsError> {
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
        .context(format!("list resources of HTTP endpoint {id}"))
}
