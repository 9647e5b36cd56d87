//! `ls`: lists the functions of the region, or the files of a bucket.

use config::split_path;
use serde_json::{Value, json};

use crate::deploy::aws::{iam, lambda, s3};
use crate::deploy::error::DeployError;
use crate::deploy::plan::values::{CREATED_BY, CREATOR, OWNER};
use crate::deploy::session::Session;

/// A function that this command or SCAR deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// MB.
    pub memory: i32,
    /// Seconds.
    pub timeout: i32,
    /// Its runtime; `image` when it has none.
    pub runtime: String,
    /// Who deployed it.
    pub owner: String,
}

/// Lists functions, or the files of a bucket or of one of its folders.
///
/// # Errors
/// [`DeployError`].
pub async fn ls(session: &Session, bucket: Option<&str>) -> Result<(), DeployError> {
    if let Some(path) = bucket {
        return files(session, path).await;
    }
    let all = list(session).await?;
    let mut text = String::new();
    if !all.is_empty() {
        text = format!(
            "{:<40} {:>6} {:>7}  {:<16} {}\n",
            "NAME", "MEMORY", "TIMEOUT", "RUNTIME", "OWNER"
        );
    }
    for function in &all {
        let Listed {
            name,
            memory,
            timeout,
            runtime,
            owner,
        } = function;
        text = format!("{text}{name:<40} {memory:>6} {timeout:>7}  {runtime:<16} {owner}\n");
    }
    let value = |function: &Listed| json!({ "name": function.name, "memory": function.memory, "timeout": function.timeout, "runtime": function.runtime, "owner": function.owner });
    session
        .reporter
        .result(&text, &all.iter().map(value).collect());
    Ok(())
}

/// The functions that this user deployed.
///
/// # Errors
/// [`DeployError`].
pub async fn own(session: &Session) -> Result<Vec<Listed>, DeployError> {
    let services = session.services(&session.general()?).await;
    let user = iam::account(&services).await?.user;
    Ok(list(session)
        .await?
        .into_iter()
        .filter(|function| function.owner == user)
        .collect())
}

async fn list(session: &Session) -> Result<Vec<Listed>, DeployError> {
    let services = session.services(&session.general()?).await;
    let mut found = Vec::new();
    for function in lambda::list(&services).await? {
        let tags = lambda::tags(&services, function.function_arn().unwrap_or_default()).await?;
        if !tags
            .get(CREATED_BY)
            .is_some_and(|by| by == CREATOR || by == "scar")
        {
            continue;
        }
        found.push(Listed {
            name: function.function_name().unwrap_or_default().to_owned(),
            memory: function.memory_size().unwrap_or_default(),
            timeout: function.timeout().unwrap_or_default(),
            runtime: function
                .runtime()
                .map_or("image", |runtime| runtime.as_str())
                .to_owned(),
            owner: tags.get(OWNER).cloned().unwrap_or_default(),
        });
    }
    Ok(found)
}

async fn files(session: &Session, path: &str) -> Result<(), DeployError> {
    let services = session.services(&session.general()?).await;
    let (bucket, folder) = split_path(path)
        .ok_or_else(|| DeployError::Usage(format!("{path:?} is not bucket or bucket/folder")))?;
    let keys = s3::list(&services, &bucket.to_string(), &folder).await?;
    session
        .reporter
        .result(&keys.join("\n"), &Value::from(keys.clone()));
    Ok(())
}
