//! Where the configuration of jobs is kept when it holds secrets: a `SecureString` of Systems Manager's parameter store.
//!
//! Not Secrets Manager: a parameter of up to 4 KB costs nothing, is gone as soon as it is removed (a secret lingers for a
//! week at least and blocks its name), and AWS Batch reads both alike (AWS Batch user guide, "Specifying sensitive data").

use serde_json::json;

use super::Services;
use super::error::AwsError;
use super::lambda::gone;
use crate::deploy::partition;

/// Name of a function's parameter.
pub fn name(function: &str) -> String {
    format!("/faas-supervisor/{function}/function-config")
}

/// ARN of a function's parameter.
pub fn arn(services: &Services, account: &str, function: &str) -> String {
    let parameter = format!("parameter{}", name(function));
    partition::arn("ssm", services.ssm.region(), account, &parameter)
}

/// The parameter's text.
///
/// # Errors
/// [`AwsError`].
pub async fn read(services: &Services, function: &str) -> Result<Option<String>, AwsError> {
    let body = json!({ "Name": name(function), "WithDecryption": true });
    let doing = format!("read parameter {}", name(function));
    match services
        .ssm
        .json(&doing, "AmazonSSM.GetParameter", &body)
        .await
    {
        Ok(answer) => Ok(answer
            .pointer("/Parameter/Value")
            .and_then(|value| value.as_str())
            .map(str::to_owned)),
        Err(error) if error.is_absence() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes the parameter.
///
/// # Errors
/// [`AwsError`].
pub async fn write(services: &Services, function: &str, text: &str) -> Result<(), AwsError> {
    let body = json!({
        "Name": name(function), "Value": text, "Type": "SecureString", "Overwrite": true,
        // Above 4 KB it becomes one that may have 8 KB, and costs.
        "Tier": "Intelligent-Tiering",
    });
    let doing = format!("write parameter {}", name(function));
    services
        .ssm
        .json(&doing, "AmazonSSM.PutParameter", &body)
        .await
        .map(drop)
}

/// Removes the parameter.
///
/// # Errors
/// [`AwsError`].
pub async fn remove(services: &Services, function: &str) -> Result<(), AwsError> {
    let doing = format!("remove parameter {}", name(function));
    gone(
        services
            .ssm
            .json(
                &doing,
                "AmazonSSM.DeleteParameter",
                &json!({ "Name": name(function) }),
            )
            .await,
    )
}
