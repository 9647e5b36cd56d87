//! Who calls, and the role that functions run with.

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::Services;
use super::error::AwsError;
use super::signed::tag;
use crate::deploy::plan::observed::Account;

/// IAM API version (IAM API reference).
const IAM: &str = "2010-05-08";
/// STS API version (STS API reference).
const STS: &str = "2011-06-15";

/// A role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// Who may assume it: its trust policy.
    pub trust: String,
}

/// Account and user of the credentials.
///
/// # Errors
/// [`AwsError`] when there are no valid credentials.
pub async fn account(services: &Services) -> Result<Account, AwsError> {
    let doing = "find out whose credentials these are";
    let xml = services
        .sts
        .query(doing, STS, "GetCallerIdentity", &[])
        .await?;
    let (id, arn) = (tag(&xml, "Account"), tag(&xml, "Arn"));
    let (Some(id), Some(arn)) = (id, arn) else {
        return Err(AwsError::new(doing, "the answer has no account"));
    };
    let user = arn.rsplit(['/', ':']).next().unwrap_or_default().to_owned();
    Ok(Account { id, user })
}

/// Looks a role up by name or ARN.
///
/// # Errors
/// [`AwsError`] when it does not exist or may not be looked at.
pub async fn role(services: &Services, name_or_arn: &str) -> Result<Role, AwsError> {
    let name = name_or_arn.rsplit('/').next().unwrap_or(name_or_arn);
    let fields = [("RoleName".to_owned(), name.to_owned())];
    let doing = format!("look up the role {name_or_arn} (aws.iam.role)");
    let xml = services.iam.query(&doing, IAM, "GetRole", &fields).await?;
    let arn = tag(&xml, "Arn").ok_or_else(|| AwsError::new(&doing, "the answer has no ARN"))?;
    let trust = tag(&xml, "AssumeRolePolicyDocument").unwrap_or_default();
    let trust = percent_decode_str(&trust).decode_utf8_lossy().into_owned();
    Ok(Role { arn, trust })
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
