//! What must hold before anything is created.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use crate::deploy::aws::{Services, iam};
use crate::deploy::error::DeployError;
use crate::deploy::function_config as config;
use crate::deploy::package::Route;
use crate::deploy::plan::wanted::Scope;
use crate::deploy::settings::{Runtime, Settings, SettingsError};

/// Variable that holds the configuration of an image function.
const CONFIGURATION: &str = "FDL";

/// The role's ARN: as it is set, or looked up by its name.
pub(super) async fn role(settings: &Settings, services: &Services) -> Result<String, DeployError> {
    if settings.role.is_empty() {
        return Err(SettingsError::Missing {
            key: "aws.iam.role".to_owned(),
            remedy: "the role that functions run with, its ARN or its name; `faas-deploy config check` prints the policy it needs".to_owned(),
            origin: settings.role_origin.clone(),
        }
        .into());
    }
    if settings.role.starts_with("arn:") {
        return Ok(settings.role.clone());
    }
    Ok(iam::role(services, &settings.role).await?.arn)
}

/// A bucket notifies functions of its own region only, and Lambda reads packages from there only (Lambda developer guide,
/// "Tutorial: Using an Amazon S3 trigger"; API reference, `FunctionCode`).
pub(super) fn check_regions(settings: &Settings, route: Option<&Route>) -> Result<(), DeployError> {
    let (s3, lambda) = (&settings.s3.region, &settings.lambda.region);
    let why = match route {
        _ if s3 == lambda => return Ok(()),
        Some(Route::Bucket(_)) => "the package goes through a bucket",
        _ if !settings.function.input.is_empty() => "the function has an input bucket",
        _ => return Ok(()),
    };
    Err(DeployError::Usage(format!(
        "s3.region is {s3} and lambda.region is {lambda}, but {why}, which has to be in the function's region: set both to the same"
    )))
}

pub(super) fn check_image(settings: &Settings, scope: Scope) -> Result<(), DeployError> {
    let function = &settings.function;
    if scope == Scope::Configuration {
        return Ok(());
    }
    let named = function.image.is_some();
    if !named
        && (function.image_file.is_none()
            || settings.uses_batch()
            || function.runtime == Runtime::Image)
    {
        return Err(SettingsError::Missing {
            key: "lambda.container.image".to_owned(),
            remedy: "name the image with --image or in the function's file".to_owned(),
            origin: "command line or function file".to_owned(),
        }
        .into());
    }
    let built_elsewhere =
        settings.merged.pointer("/lambda/container/create_image") == Some(&Value::Bool(false));
    if function.runtime == Runtime::Image && !built_elsewhere {
        return Err(DeployError::Usage(
            "lambda.runtime image: images are not built here: put the supervisor into your image, push it to ECR, and set \
             lambda.container.create_image to false"
                .to_owned(),
        ));
    }
    Ok(())
}

/// Puts the configuration of an image function, which has no package, into a variable. Everyone who may look at the function can
/// read it, so it must hold no secrets.
pub(super) fn carry_in_variable(
    settings: &mut Settings,
    config: &Value,
) -> Result<(), DeployError> {
    if config::has_secrets(config) {
        return Err(DeployError::Usage(
            "storage_providers hold keys, and the configuration of an image function is a plain variable: give the function's role \
             access to the stores in place of keys, or deploy the image as container.image of a python3 runtime"
                .to_owned(),
        ));
    }
    let encoded = BASE64_STANDARD.encode(config.to_string());
    settings
        .function
        .variables
        .insert(CONFIGURATION.to_owned(), encoded);
    Ok(())
}

/// Checks that the function's variables together have at most 4 KB (Lambda quotas).
pub(super) fn check_variables(settings: &Settings) -> Result<(), DeployError> {
    const LIMIT: usize = 4096;
    let variables = settings.function.variables.iter();
    let size: usize = variables
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if size <= LIMIT {
        return Ok(());
    }
    let hint = if settings.function.variables.contains_key(CONFIGURATION) {
        "; the configuration of an image function is one of them"
    } else {
        ": variables of the container (lambda.container.environment) may be longer"
    };
    Err(DeployError::Usage(format!(
        "the function's variables (lambda.environment.Variables) have {size} bytes, and Lambda takes {LIMIT}{hint}"
    )))
}
