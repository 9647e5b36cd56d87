//! Keys of `scar.cfg` that nothing reads because they are misspelt or from another version. They are reported, not refused.

use config::FUNCTION_KEYS;

use super::default::DEFAULT;
use super::lines::Lines;

/// Keys that are read but not in the default file.
const FURTHER: [&str; 12] = [
    "aws.lambda.name",
    "aws.lambda.image_file",
    "aws.lambda.architectures",
    "aws.lambda.vpc",
    "aws.lambda.file_system",
    "aws.lambda.ephemeral_storage",
    "aws.lambda.tags",
    "aws.lambda.deployment.bucket",
    "aws.api_gateway.name",
    "aws.batch.execution_role",
    "aws.batch.event_path",
    "aws.batch.compute_resources.allocation_strategy",
];
/// The keys under these are the user's own, the supervisor's or AWS's.
const OPEN: [&str; 12] = [
    "aws.lambda.environment.Variables",
    "aws.lambda.container",
    "aws.lambda.vpc",
    "aws.lambda.file_system",
    "aws.lambda.ephemeral_storage",
    "aws.lambda.tags",
    "aws.s3.event",
    "aws.api_gateway.request_parameters",
    "aws.api_gateway.method.requestParameters",
    "aws.api_gateway.integration.requestParameters",
    "aws.batch.environment.Variables",
    "aws.batch.multi_node_parallel",
];

/// The keys under `aws` that nothing reads, in the order of the file. A section that nothing reads is one key.
pub fn unread(lines: &Lines) -> Vec<String> {
    let default = Lines::of(DEFAULT);
    let of_function = |key: &str| {
        let key = key.strip_prefix("aws.lambda.");
        let first = key.and_then(|key| key.split(['.', '[']).next());
        first.is_some_and(|first| {
            FUNCTION_KEYS.contains(&first) && !default.has(&format!("aws.lambda.{first}"))
        })
    };
    let below = |key: &str, of: &str| {
        let rest = key.strip_prefix(of);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    let read = |key: &str| {
        default.has(key)
            || FURTHER.contains(&key)
            || OPEN.iter().any(|open| below(key, open))
            || of_function(key)
    };
    let mut found: Vec<String> = Vec::new();
    for key in lines.keys().iter().filter(|key| below(key, "aws")) {
        if !read(key) && !found.iter().any(|known| below(key, known)) {
            found.push(key.clone());
        }
    }
    found
}
