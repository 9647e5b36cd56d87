//! Keeps the configuration of jobs, when it holds secrets, in a `SecureString` parameter of Systems Manager.
//!
//! Secrets Manager would do as well for AWS Batch, which reads both alike (AWS Batch user guide, "Specifying sensitive data"). But
//! a parameter of up to 4 KB costs nothing and is gone as soon as it is removed, while a secret blocks its name for a week.

use aws_sdk_ssm::types::{ParameterTier, ParameterType};

use super::Services;
use super::error::{AwsError, AwsErrorKind, Context, ignore_absence};
use crate::deploy::partition;
use crate::deploy::settings::Settings;

/// Name of a function's parameter.
pub fn name(function: &str) -> String {
    format!("/faas-supervisor/{function}/function-config")
}

/// ARN of a function's parameter.
pub fn arn(settings: &Settings, account: &str) -> String {
    let region = &settings.batch_section.region;
    let parameter = format!("parameter{}", name(&settings.function.name));
    partition::arn("ssm", region, account, &parameter)
}

/// The parameter's value; `None` when there is no parameter.
///
/// # Errors
/// [`AwsError`].
pub async fn read(services: &Services, function: &str) -> Result<Option<String>, AwsError> {
    let name = name(function);
    let request = services.ssm.get_parameter().name(&name);
    let answer = request.with_decryption(true).send().await;
    match answer.context(format!("read parameter {name}")) {
        Ok(answer) => Ok(answer.parameter.and_then(|parameter| parameter.value)),
        Err(error) if error.kind == AwsErrorKind::Absent => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes the parameter.
///
/// # Errors
/// [`AwsError`].
pub async fn write(services: &Services, function: &str, text: &str) -> Result<(), AwsError> {
    let name = name(function);
    let request = services
        .ssm
        .put_parameter()
        .name(&name)
        .value(text)
        .r#type(ParameterType::SecureString)
        .overwrite(true)
        // A value of more than 4 KB makes it an advanced parameter, which may have 8 KB and costs.
        .tier(ParameterTier::IntelligentTiering);
    let answer = request.send().await;
    answer.context(format!("write parameter {name}")).map(drop)
}

/// Removes the parameter.
///
/// # Errors
/// [`AwsError`].
pub async fn remove(services: &Services, function: &str) -> Result<(), AwsError> {
    let name = name(function);
    let answer = services.ssm.delete_parameter().name(&name).send().await;
    ignore_absence(answer.context(format!("remove parameter {name}")))
}
