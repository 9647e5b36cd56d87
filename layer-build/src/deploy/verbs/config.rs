//! `config path`, `config show` and `config check`.

use serde_json::json;

use crate::deploy::aws::iam;
use crate::deploy::cfg;
use crate::deploy::cli::ConfigVerb;
use crate::deploy::error::DeployError;
use crate::deploy::partition::Partition;
use crate::deploy::session::Session;

/// The least that the role of a function must be allowed, with the ARNs of [`Partition::Aws`].
pub const POLICY: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": [
        "logs:*"
      ],
      "Resource": "arn:aws:logs:*:*:*"
    },
    {
      "Effect": "Allow",
      "Action": [
        "s3:GetObject",
        "s3:PutObject"
      ],
      "Resource": "arn:aws:s3:::*"
    }
  ]
}"#;

/// Carries out one of them, and returns the exit code.
///
/// # Errors
/// [`DeployError`].
pub async fn config(session: &Session, verb: ConfigVerb) -> Result<u8, DeployError> {
    match verb {
        ConfigVerb::Path => {
            let path = session.cfg.path.display().to_string();
            session.reporter.result(&path, &json!({ "path": path }));
        }
        ConfigVerb::Show => {
            let merged = cfg::merge(cfg::defaults(), &session.cfg.value);
            session.reporter.result(&cfg::pretty(&merged), &merged);
        }
        ConfigVerb::Check => return check(session).await,
    }
    Ok(0)
}

async fn check(session: &Session) -> Result<u8, DeployError> {
    let settings = session.general()?;
    let services = session.services(&settings).await;
    let account = iam::account(&services).await?;
    let mut lines = vec![format!(
        "credentials: account {}, user {}",
        account.id, account.user
    )];
    let origin = &settings.role_origin;
    let (role, usable) = if settings.role.is_empty() {
        lines.push(format!("role: not set ({origin}, aws.iam.role)"));
        (None, false)
    } else {
        let role = iam::role(&services, &settings.role).await?;
        let usable = role.trusts("lambda.amazonaws.com");
        let words = if usable {
            "Lambda may assume it"
        } else {
            "Lambda may not assume it: add lambda.amazonaws.com to its trust policy"
        };
        lines.push(format!("role: {}, {words}", role.arn));
        (Some(role.arn), usable)
    };
    let unread = cfg::unread(&session.cfg.lines);
    for key in &unread {
        let line = session.cfg.lines.line(key).unwrap_or_default();
        let path = session.cfg.path.display();
        lines.push(format!(
            "{path}, line {line}: nothing reads {key}, is it spelt right?"
        ));
    }
    let policy = Partition::of(&settings.lambda.region).arns(POLICY);
    lines.push(format!("the role needs at least this policy:\n{policy}"));
    let policy: serde_json::Value = serde_json::from_str(&policy).unwrap_or_default();
    let value = json!({ "account": account.id, "user": account.user, "role": role, "role_usable": usable, "unread_keys": unread, "policy": policy });
    session.reporter.result(&lines.join("\n"), &value);
    if usable {
        return Ok(0);
    }
    session.reporter.note(&format!(
        "functions cannot be deployed yet: see the role above ({origin})"
    ));
    Ok(1)
}
