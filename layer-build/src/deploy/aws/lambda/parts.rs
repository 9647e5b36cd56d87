//! Parts of requests about a function.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    Environment, EphemeralStorage, FileSystemConfig, FunctionCode, VpcConfig,
};

use crate::deploy::aws::error::AwsError;
use crate::deploy::package::{Package, Route};
use crate::deploy::plan::values::package_key;
use crate::deploy::settings::{self, Settings};

/// A function's code.
#[derive(Debug, Clone, Copy)]
pub enum Code<'a> {
    /// A package and how it gets to Lambda.
    Package(&'a Package, &'a Route),
    /// The function's own image, by its URI.
    Image(&'a str),
}

/// What creating or changing a function needs.
#[derive(Debug, Clone)]
pub struct Target<'a> {
    /// The function's settings.
    pub settings: &'a Settings,
    /// ARN of the role.
    pub role: &'a str,
    /// ARN of the supervisor's layer.
    pub layer: Option<&'a str>,
    /// The function's tags.
    pub tags: &'a BTreeMap<String, String>,
}

pub(super) fn runtime(settings: &Settings) -> &str {
    match &settings.function.runtime {
        settings::Runtime::Managed(name) | settings::Runtime::Provided(name) => name,
        settings::Runtime::Image => "",
    }
}

/// Lambda demands a handler for every packaged function; the supervisor ignores it.
pub(super) fn handler(settings: &Settings) -> String {
    match settings.function.runtime {
        settings::Runtime::Managed(_) => format!("{}.lambda_handler", settings.function.name),
        settings::Runtime::Provided(_) | settings::Runtime::Image => "bootstrap".to_owned(),
    }
}

pub(super) fn layers(target: &Target<'_>) -> Vec<String> {
    let own = target.settings.function.layers.iter().map(String::as_str);
    target
        .layer
        .into_iter()
        .chain(own)
        .map(str::to_owned)
        .collect()
}

pub(super) fn environment(variables: &BTreeMap<String, String>) -> Environment {
    Environment::builder()
        .set_variables(Some(to_map(variables)))
        .build()
}

pub(super) fn to_map(map: &BTreeMap<String, String>) -> HashMap<String, String> {
    map.iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

pub(super) fn ephemeral_storage(settings: &Settings) -> Result<EphemeralStorage, AwsError> {
    let built = EphemeralStorage::builder()
        .size(settings.function.ephemeral_storage)
        .build();
    built.map_err(|error| AwsError::new("set lambda.ephemeral_storage", error.to_string()))
}

pub(super) fn vpc(settings: &Settings) -> Option<VpcConfig> {
    let vpc = settings.function.vpc.as_ref()?;
    Some(
        VpcConfig::builder()
            .set_subnet_ids(Some(vpc.subnets.clone()))
            .set_security_group_ids(Some(vpc.security_groups.clone()))
            .set_ipv6_allowed_for_dual_stack(vpc.ipv6.then_some(true))
            .build(),
    )
}

pub(super) fn file_systems(settings: &Settings) -> Result<Vec<FileSystemConfig>, AwsError> {
    let one = |wanted: &settings::FileSystem| {
        let built = FileSystemConfig::builder()
            .arn(&wanted.arn)
            .local_mount_path(&wanted.mount_path)
            .build();
        built.map_err(|error| AwsError::new("set lambda.file_system", error.to_string()))
    };
    settings.function.file_systems.iter().map(one).collect()
}

pub(super) fn function_code(
    package: &Package,
    route: &Route,
    settings: &Settings,
) -> Result<FunctionCode, AwsError> {
    let code = FunctionCode::builder();
    Ok(match route {
        Route::Request => code.zip_file(blob(package)?),
        Route::Bucket(bucket) => code.s3_bucket(bucket).s3_key(package_key(settings)),
    }
    .build())
}

pub(super) fn blob(package: &Package) -> Result<Blob, AwsError> {
    let content = std::fs::read(package.path());
    content
        .map(Blob::new)
        .map_err(|error| AwsError::new("read the function's package", error.to_string()))
}
