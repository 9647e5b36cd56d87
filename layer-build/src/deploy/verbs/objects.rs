//! `put` and `get`: upload files and folders to buckets, and download them.

use std::fs;
use std::path::{Path, PathBuf};

use config::split_path;
use serde_json::json;

use crate::deploy::aws::s3;
use crate::deploy::cli::TransferOptions;
use crate::deploy::error::DeployError;
use crate::deploy::session::Session;

/// Uploads a file, or everything in a folder. Creates the bucket if it does not exist.
///
/// # Errors
/// [`DeployError`].
pub async fn put(session: &Session, options: &TransferOptions) -> Result<(), DeployError> {
    let settings = session.general()?;
    let services = session.services(&settings).await;
    let (bucket, folder) = bucket_folder(&options.bucket)?;
    if !s3::exists(&services, &bucket).await? {
        s3::create(&services, &bucket, &settings.s3.region).await?;
    }
    let mut keys = Vec::new();
    for (name, path) in files(&options.path)? {
        let key = if folder.is_empty() {
            name
        } else {
            format!("{folder}/{name}")
        };
        session
            .reporter
            .note(&format!("{} -> {bucket}/{key}", path.display()));
        s3::put_file(&services, &bucket, &key, &path).await?;
        keys.push(key);
    }
    session
        .reporter
        .result("", &json!({ "bucket": bucket, "files": keys }));
    Ok(())
}

/// Downloads an object, or everything in a folder of the bucket, into a local folder.
///
/// # Errors
/// [`DeployError`].
pub async fn get(session: &Session, options: &TransferOptions) -> Result<(), DeployError> {
    let services = session.services(&session.general()?).await;
    let (bucket, folder) = bucket_folder(&options.bucket)?;
    let mut names: Vec<String> = Vec::new();
    for key in s3::list(&services, &bucket, &folder).await? {
        // Either an object with exactly this key, or an object in the folder of this name.
        let below = if folder.is_empty() {
            Some(key.as_str())
        } else {
            key.strip_prefix(&folder)
                .and_then(|rest| rest.strip_prefix('/'))
        };
        let name = match below {
            Some(name) => name.to_owned(),
            None if key == folder => key.rsplit('/').next().unwrap_or_default().to_owned(),
            None => continue,
        };
        if name.is_empty() || name.ends_with('/') {
            continue;
        }
        let path = inside(&options.path, &name)?;
        session
            .reporter
            .note(&format!("{bucket}/{key} -> {}", path.display()));
        s3::get_file(&services, &bucket, &key, &path).await?;
        names.push(name);
    }
    if names.is_empty() {
        return Err(DeployError::Usage(format!(
            "there is nothing at {}",
            options.bucket
        )));
    }
    session
        .reporter
        .result("", &json!({ "bucket": bucket, "files": names }));
    Ok(())
}

fn bucket_folder(text: &str) -> Result<(String, String), DeployError> {
    let split = split_path(text).map(|(bucket, folder)| (bucket.to_string(), folder));
    split.ok_or_else(|| DeployError::Usage(format!("{text:?} is not bucket or bucket/folder")))
}

/// The local path for a key. A key may hold `..`, but nothing is written outside the folder.
fn inside(folder: &Path, name: &str) -> Result<PathBuf, DeployError> {
    if name.split('/').any(|part| part == ".." || part == ".") || name.starts_with('/') {
        return Err(DeployError::Usage(format!(
            "the key {name:?} leads out of the folder and is not downloaded"
        )));
    }
    Ok(folder.join(name))
}

fn files(path: &Path) -> Result<Vec<(String, PathBuf)>, DeployError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| DeployError::Io { path, source }
    };
    if !fs::metadata(path).map_err(failed(path))?.is_dir() {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        return Ok(vec![(name.unwrap_or_default(), path.to_owned())]);
    }
    let mut found = Vec::new();
    let mut folders = vec![(path.to_owned(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(failed(&folder))? {
            let entry = entry.map_err(failed(&folder))?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if fs::metadata(entry.path())
                .map_err(failed(&entry.path()))?
                .is_dir()
            {
                folders.push((entry.path(), format!("{name}/")));
            } else {
                found.push((name, entry.path()));
            }
        }
    }
    found.sort();
    Ok(found)
}
