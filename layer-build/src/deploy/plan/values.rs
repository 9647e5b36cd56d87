//! Names, and states in the shape that they are compared in.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::deploy::notification::Entry;
use crate::deploy::partition::arn;
use crate::deploy::settings::batch::EnvironmentType;
use crate::deploy::settings::{FileSystem, Runtime, Settings, Vpc, api::fill};

/// Tag of everything that this command creates.
pub const CREATED_BY: &str = "createdby";

/// Value of [`CREATED_BY`].
pub const CREATOR: &str = "faas-deploy";

/// Tag of the user's name.
pub const OWNER: &str = "owner";

/// Tag that records where the package is, so that it can be removed.
pub const PACKAGE_BUCKET: &str = "deployment_bucket";

/// The key of a function's configuration that changes together with its code.
pub const ARCHITECTURE: &str = "architecture";

/// The function's configuration, in the shape that states are compared in.
pub fn function_value(settings: &Settings, role: &str, layer: &str) -> Value {
    let function = &settings.function;
    let mut value = json!({
        "role": role,
        ARCHITECTURE: settings.arch.name(),
        "memory": function.memory,
        "timeout": function.timeout,
        "description": function.description,
        "environment": function.variables,
        "ephemeral_storage": function.ephemeral_storage,
        "vpc": function.vpc.as_ref().map(Vpc::value),
        "file_system": function.file_systems.iter().map(FileSystem::value).collect::<Value>(),
    });
    if let Runtime::Managed(runtime) | Runtime::Provided(runtime) = &function.runtime {
        // The supervisor's layer comes first: where two layers hold the same path, the later one wins.
        let layers = std::iter::once(layer).chain(function.layers.iter().map(String::as_str));
        value["runtime"] = runtime.as_str().into();
        value["layers"] = layers.collect();
    }
    value
}

/// The function's tags. `package_bucket` is the bucket of its package, if the package goes through one.
pub fn function_tags(
    settings: &Settings,
    user: &str,
    package_bucket: Option<&str>,
) -> BTreeMap<String, String> {
    let mut tags = settings.function.tags.clone();
    tags.insert(CREATED_BY.to_owned(), CREATOR.to_owned());
    tags.insert(OWNER.to_owned(), user.to_owned());
    if let Some(bucket) = package_bucket {
        tags.insert(PACKAGE_BUCKET.to_owned(), bucket.to_owned());
    }
    tags
}

/// Key of the package in the deployment bucket.
pub fn package_key(settings: &Settings) -> String {
    format!("lambda/{}.zip", settings.function.name)
}

/// Where Lambda puts a function's logs.
pub fn log_group_name(function: &str) -> String {
    format!("/aws/lambda/{function}")
}

/// The entries that the function, by its ARN, should have in a bucket's notifications.
pub fn notification_entries<'a>(
    settings: &'a Settings,
    arn: &'a str,
    bucket: &str,
) -> Vec<Entry<'a>> {
    let inputs = settings.function.input.iter();
    inputs
        .filter(|input| input.bucket == bucket)
        .map(|input| Entry {
            function: arn,
            folder: &input.folder,
        })
        .collect()
}

/// The function's ARN, which is known before it exists.
pub fn function_arn(settings: &Settings, account: &str) -> String {
    let function = format!("function:{}", settings.function.name);
    arn("lambda", &settings.lambda.region, account, &function)
}

const BUCKET_STATEMENT: &str = "faas-deploy-s3-";

/// Id of the statement that allows a bucket to call the function. An id must not contain dots.
pub fn bucket_statement(bucket: &str) -> String {
    format!("{BUCKET_STATEMENT}{}", bucket.replace('.', "_"))
}

/// Who calls the function through its HTTP endpoint. Each caller has a statement of its own in the function's policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiCaller {
    /// The test button of API Gateway's console.
    ConsoleTest,
    /// The endpoint's stage.
    Stage,
}

impl ApiCaller {
    /// Both.
    pub const ALL: [Self; 2] = [Self::ConsoleTest, Self::Stage];

    /// Id of the statement that allows the caller to call the function.
    pub fn statement_id(self) -> &'static str {
        match self {
            Self::ConsoleTest => "faas-deploy-api-testing",
            Self::Stage => "faas-deploy-api-invocation",
        }
    }

    /// The ARN on whose behalf the function is called, for the endpoint with the id `api`.
    pub fn source_arn(self, settings: &Settings, account: &str, api: &str) -> String {
        let template = match self {
            Self::ConsoleTest => &settings.api_gateway.source_arn_testing,
            Self::Stage => &settings.api_gateway.source_arn_invocation,
        };
        fill(
            template,
            &[
                ("api_id", api),
                ("api_region", &settings.api.region),
                ("stage_name", &settings.api_gateway.stage_name),
                ("account_id", account),
            ],
        )
    }
}

/// The endpoint's configuration, in the shape that states are compared in.
pub fn api_value(settings: &Settings, account: &str) -> Value {
    let api = &settings.api_gateway;
    json!({
        "path_part": api.path_part,
        "http_method": api.http_method,
        "authorization": api.authorization,
        "method_parameters": api.method_parameters,
        "integration": api.integration,
        "integration_method": api.integration_method,
        "integration_parameters": api.integration_parameters,
        "uri": integration_uri(settings, account),
        "stage": api.stage_name,
    })
}

/// What the endpoint calls.
pub fn integration_uri(settings: &Settings, account: &str) -> String {
    fill(
        &settings.api_gateway.uri,
        &[
            ("api_region", &settings.api.region),
            ("lambda_region", &settings.lambda.region),
            ("account_id", account),
            ("function_name", &settings.function.name),
        ],
    )
}

/// Keys that can be changed in every compute environment. AWS Batch calls them its capacity.
pub const CAPACITY: [&str; 4] = ["state", "service_role", "min_v_cpus", "max_v_cpus"];

/// The compute environment, in the shape that states are compared in. `version` is the launch template's version.
pub fn environment_value(settings: &Settings, account: &str, version: &str) -> Value {
    let batch = &settings.batch;
    let role = |template: &str| fill(template, &[("account_id", account)]);
    let mut value = json!({
        "type": batch.environment_type.as_str(),
        "state": batch.state,
        "service_role": role(&batch.service_role),
    });
    if batch.environment_type == EnvironmentType::Managed {
        value["min_v_cpus"] = batch.min.into();
        value["max_v_cpus"] = batch.max.into();
        value["resource_type"] = batch.resource_type.as_str().into();
        value["instance_types"] = sorted(&batch.instance_types);
        value["subnets"] = sorted(&batch.subnets);
        value["security_group_ids"] = sorted(&batch.security_groups);
        value["instance_role"] = role(&batch.instance_role).into();
        value["launch_template"] = format!("{}:{version}", batch.launch_template).into();
    }
    value
}

/// A list in a fixed order, for lists whose order has no meaning.
pub fn sorted(list: &[String]) -> Value {
    let mut list = list.to_vec();
    list.sort();
    list.into()
}
