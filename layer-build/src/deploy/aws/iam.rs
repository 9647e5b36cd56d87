//! Who calls, and the role that functions run with.

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::Services;
use super::error::{AwsError, Context};
use crate::deploy::plan::observed::Account;

/// A role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// Its trust policy, which says who may assume it.
    pub trust: String,
}

/// Account and user of the credentials.
///
/// # Errors
/// [`AwsError`] when there are no valid credentials.
pub async fn account(services: &Services) -> Result<Account, AwsError> {
    let what = "find out whose credentials these are";
    let answer = services.sts.get_caller_identity().send().await;
    let answer = answer.context(what)?;
    let (Some(id), Some(arn)) = (answer.account, answer.arn) else {
        return Err(AwsError::new(what, "the answer has no account"));
    };
    let user = arn.rsplit(['/', ':']).next().unwrap_or_default().to_owned();
    Ok(Account { id, user })
}

/// Looks a role up by name or ARN.
///
/// # Errors
/// [`AwsError`] when it does not exist, or when the user may not look at it.
pub async fn role(services: &Services, name_or_arn: &str) -> Result<Role, AwsError> {
    let name = name_or_arn.rsplit('/').next().unwrap_or(name_or_arn);
    let what = format!("look up the role {name_or_arn} (aws.iam.role)");
    let answer = services.iam.get_role().role_name(name).send().await;
    let role = answer.context(&what)?.role;
    let role = role.ok_or_else(|| AwsError::new(what, "the answer has no role"))?;
    // IAM encodes policies as in URLs.
    let trust = role.assume_role_policy_document.unwrap_or_default();
    let trust = percent_decode_str(&trust).decode_utf8_lossy().into_owned();
    Ok(Role {
        arn: role.arn,
        trust,
    })
}

impl Role {
    /// Whether a service may assume the role, as its trust policy says.
    pub fn trusts(&self, service: &str) -> bool {
        let policy: Value = serde_json::from_str(&self.trust).unwrap_or_default();
        let list = |value: &Value| match value {
            Value::Array(items) => items.clone(),
            Value::Null => Vec::new(),
            other => vec![other.clone()],
        };
        list(&policy["Statement"]).iter().any(|statement| {
            statement["Effect"] == "Allow"
                && list(&statement["Principal"]["Service"])
                    .iter()
                    .any(|name| name == service)
        })
    }
}
