//! Who may call a function.

use std::collections::BTreeMap;

use serde_json::Value;

use super::gone;
use crate::deploy::aws::Services;
use crate::deploy::aws::error::{AwsError, Doing};
use crate::deploy::partition::bucket_of;

pub(super) async fn statements(
    services: &Services,
    name: &str,
) -> Result<BTreeMap<String, String>, AwsError> {
    let answer = services
        .lambda
        .get_policy()
        .function_name(name)
        .send()
        .await;
    let text = match answer.doing(format!("read the policy of function {name}")) {
        Ok(answer) => answer.policy.unwrap_or_default(),
        Err(error) if error.is_absence() => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
    };
    let policy: Value = serde_json::from_str(&text).unwrap_or_default();
    let statement = |statement: &Value| {
        let conditions = statement["Condition"]
            .as_object()
            .into_iter()
            .flat_map(|map| map.values());
        let source = conditions.filter_map(|condition| {
            let map = condition.as_object()?;
            map.iter()
                .find(|(key, _)| key.eq_ignore_ascii_case("aws:sourcearn"))?
                .1
                .as_str()
        });
        let source = source.map(str::to_owned).next().unwrap_or_default();
        Some((statement["Sid"].as_str()?.to_owned(), source))
    };
    Ok(policy["Statement"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(statement)
        .collect())
}

/// Lets a service call the function on behalf of a resource of this account.
///
/// # Errors
/// [`AwsError`].
pub async fn permit(
    services: &Services,
    name: &str,
    id: &str,
    principal: &str,
    source: &str,
    account: &str,
) -> Result<(), AwsError> {
    let doing = format!("let {source} call function {name}");
    // One of an older endpoint has another source.
    drop(
        services
            .lambda
            .remove_permission()
            .function_name(name)
            .statement_id(id)
            .send()
            .await,
    );
    let mut request = services
        .lambda
        .add_permission()
        .function_name(name)
        .statement_id(id)
        .action("lambda:InvokeFunction")
        .principal(principal)
        .source_arn(source);
    // A bucket's ARN names no account: somebody else may have the name some day (Lambda developer guide, "Using Lambda with S3").
    if bucket_of(source).is_some() {
        request = request.source_account(account);
    }
    match request.send().await.doing(doing) {
        Err(error) if !error.is_presence() => Err(error),
        _ => Ok(()),
    }
}

/// Takes a permission back.
///
/// # Errors
/// [`AwsError`].
pub async fn forbid(services: &Services, name: &str, id: &str) -> Result<(), AwsError> {
    let request = services
        .lambda
        .remove_permission()
        .function_name(name)
        .statement_id(id);
    gone(
        request
            .send()
            .await
            .doing(format!("take back permission {id} of function {name}")),
    )
}
