//! Fetches the event of a job whose variable `EVENT` is a pointer, see [`crate::batch::message`].

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use crate::{
    batch::message::{Envelope, Pointer},
    entry::setup,
};
use config::{
    ProviderId,
    location::{Bucket, Key},
};
use storage::{Download, Progress, StoreSettings, Stores};

/// The content of the object.
pub(super) struct Message {
    pub(super) event: Vec<u8>,
    /// The script, as a file.
    pub(super) script: Option<PathBuf>,
}

/// Reads the object with the job's own role.
pub(super) async fn fetch(
    pointer: &Pointer,
    stores: StoreSettings,
    scratch: &Path,
) -> anyhow::Result<Message> {
    let doing = || {
        format!(
            "cannot get the event from s3://{}/{}",
            pointer.bucket, pointer.key
        )
    };
    let bytes = download(pointer, stores, scratch)
        .await
        .with_context(doing)?;
    let envelope: Envelope = serde_json::from_slice(&bytes)
        .with_context(|| format!("{}: it is not a message to a job", doing()))?;
    let script = envelope
        .script
        .map(|encoded| -> anyhow::Result<PathBuf> {
            let script = setup::decoded(&encoded)
                .with_context(|| format!("{}: its script is not base64", doing()))?;
            let path = scratch.join("message-script.sh");
            fs::write(&path, script).with_context(|| format!("cannot write {}", path.display()))?;
            Ok(path)
        })
        .transpose()?;
    Ok(Message {
        event: envelope.event.into_bytes(),
        script,
    })
}

async fn download(
    pointer: &Pointer,
    stores: StoreSettings,
    scratch: &Path,
) -> anyhow::Result<Vec<u8>> {
    let bucket = Bucket::new(&pointer.bucket)?;
    let key = Key::new(&pointer.key)?;
    let what = Download {
        bucket: &bucket,
        key: &key,
        version: None,
        size_hint: None,
    };
    let path = scratch.join("message.json");
    let store = Stores::new(stores).get(&ProviderId::own_role()).await?;
    store.download(&what, &path, &Progress::default()).await?;
    let bytes = fs::read(&path)?;
    fs::remove_file(&path)?;
    Ok(bytes)
}
