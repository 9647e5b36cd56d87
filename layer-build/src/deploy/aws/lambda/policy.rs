//! Who may call a function.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::deploy::aws::Services;
use crate::deploy::aws::error::{AwsError, AwsErrorKind, Context, ignore_absence};
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
    let text = match answer.context(format!("read the policy of function {name}")) {
        Ok(answer) => answer.policy.unwrap_or_default(),
        Err(error) if error.kind == AwsErrorKind::Absent => return Ok(BTreeMap::new()),
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

/// Allows a service to call a function on behalf of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission<'a> {
    /// Id of the statement in the function's policy.
    pub statement: &'a str,
    /// The service: `s3.amazonaws.com`.
    pub principal: &'a str,
    /// ARN of the resource.
    pub source: &'a str,
    /// Number of the account that the resource belongs to.
    pub account: &'a str,
}

/// Adds a permission to the function's policy, in place of an older one with the same id.
///
/// # Errors
/// [`AwsError`].
pub async fn permit(
    services: &Services,
    name: &str,
    permission: &Permission<'_>,
) -> Result<(), AwsError> {
    let Permission {
        statement: id,
        principal,
        source,
        account,
    } = *permission;
    let what = format!("let {source} call function {name}");
    // The permission for an older endpoint has another source.
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
    // A bucket's ARN names no account, and another account may own the name one day (Lambda developer guide, "Using Lambda with S3").
    if bucket_of(source).is_some() {
        request = request.source_account(account);
    }
    match request.send().await.context(what) {
        Err(error) if error.kind != AwsErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Removes a permission from the function's policy.
///
/// # Errors
/// [`AwsError`].
pub async fn forbid(services: &Services, name: &str, id: &str) -> Result<(), AwsError> {
    let request = services
        .lambda
        .remove_permission()
        .function_name(name)
        .statement_id(id);
    ignore_absence(
        request
            .send()
            .await
            .context(format!("take back permission {id} of function {name}")),
    )
}
