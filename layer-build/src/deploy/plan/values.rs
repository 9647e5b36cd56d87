//! Names, and states in the shape that they are compared in.

use serde_json::{Value, json};

use crate::deploy::notification::Entry;
use crate::deploy::partition::{arn, bucket_of};
use crate::deploy::settings::{FileSystem, Runtime, Settings, Vpc, api::fill};

/// Tag of everything made here.
pub const CREATED_BY: &str = "createdby";

/// Value of [`CREATED_BY`].
pub const CREATOR: &str = "faas-deploy";

/// Tag of the user's name.
pub const OWNER: &str = "owner";

/// Tag that remembers where the package went, so that it can be removed.
pub const PACKAGE_BUCKET: &str = "deployment_bucket";

/// The one value of a function that changes together with its code.
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
        // The supervisor's layer comes first: of two layers with a file of one name the later one's is used.
        let layers = std::iter::once(layer).chain(function.layers.iter().map(String::as_str));
        value["runtime"] = runtime.as_str().into();
        value["layers"] = layers.collect();
    }
    value
}

/// Key of the package in the deployment bucket.
pub fn package_key(settings: &Settings) -> String {
    format!("lambda/{}.zip", settings.function.name)
}

/// Where Lambda puts a function's logs.
pub fn log_group_name(function: &str) -> String {
    format!("/aws/lambda/{function}")
}

/// The notification entries of a bucket.
pub fn entries<'a>(settings: &'a Settings, arn: &'a str, bucket: &str) -> Vec<Entry<'a>> {
    let input = settings
        .function
        .input
        .iter()
        .filter(|place| place.bucket == bucket);
    input
        .map(|place| Entry {
            function: arn,
            folder: &place.folder,
        })
        .collect()
}

/// The function's ARN, which is known before it exists.
pub fn function_arn(settings: &Settings, account: &str) -> String {
    let function = format!("function:{}", settings.function.name);
    arn("lambda", &settings.lambda.region, account, &function)
}

const BUCKET_STATEMENT: &str = "faas-deploy-s3-";

/// Id of the statement that lets a bucket call the function; it may not hold dots.
pub fn bucket_statement(bucket: &str) -> String {
    format!("{BUCKET_STATEMENT}{}", bucket.replace('.', "_"))
}

/// The bucket that a statement lets call the function: ours, and those of functions deployed by others.
pub fn bucket_of_statement(_id: &str, source: &str) -> Option<String> {
    bucket_of(source).map(str::to_owned)
}

/// Ids of the statements that let the endpoint call the function.
pub const API_STATEMENTS: [&str; 2] = ["faas-deploy-api-testing", "faas-deploy-api-invocation"];

/// On behalf of what the endpoint calls the function.
pub fn source_arn(settings: &Settings, account: &str, api: &str, index: usize) -> String {
    let template = settings
        .api_gateway
        .source_arns
        .get(index)
        .map(String::as_str)
        .unwrap_or_default();
    let stage = settings.api_gateway.stage_name.as_str();
    let region = settings.api.region.as_str();
    fill(
        template,
        &[
            ("api_id", api),
            ("api_region", region),
            ("stage_name", stage),
            ("account_id", account),
        ],
    )
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

/// Keys of a compute environment that every one can have changed: its capacity, AWS Batch calls it.
pub const CAPACITY: [&str; 4] = ["state", "service_role", "min_v_cpus", "max_v_cpus"];

/// The compute environment, in the shape that states are compared in. `version` is the launch template's.
pub fn environment_value(settings: &Settings, account: &str, version: &str) -> Value {
    let batch = &settings.batch;
    let role = |template: &str| fill(template, &[("account_id", account)]);
    let mut value = json!({ "type": batch.kind, "state": batch.state, "service_role": role(&batch.service_role) });
    if batch.kind == "MANAGED" {
        value["min_v_cpus"] = batch.min.into();
        value["max_v_cpus"] = batch.max.into();
        value["resource_type"] = batch.resource_kind.as_str().into();
        value["instance_types"] = sorted(&batch.instance_types);
        value["subnets"] = sorted(&batch.subnets);
        value["security_group_ids"] = sorted(&batch.security_groups);
        value["instance_role"] = role(&batch.instance_role).into();
        value["launch_template"] = format!("{}:{version}", batch.launch_template).into();
    }
    value
}

/// A list whose order means nothing.
pub fn sorted(list: &[String]) -> Value {
    let mut list = list.to_vec();
    list.sort();
    list.into()
}
