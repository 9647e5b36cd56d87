//! The S3 adapter against servers that misbehave.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod download;
mod support;

use std::collections::BTreeMap;

use config::{ProviderId, ProviderSettings, S3Provider, Secret};
use storage::{StoreSettings, Stores};

#[tokio::test]
async fn providers_that_cannot_work_say_why() {
    let unconfigured = Stores::new(StoreSettings::default());
    for (id, reason) in [
        ("minio.x", "not configured"),
        ("local", "--local-storage"),
        ("s3.other", "not configured"),
    ] {
        let error = unconfigured
            .get(&id.parse().unwrap())
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(reason), "{error}");
    }
    let half = S3Provider {
        access_key: Some(Secret::new("k")),
        ..Default::default()
    };
    let id: ProviderId = "s3.half".parse().unwrap();
    let settings = StoreSettings {
        providers: BTreeMap::from([(id.clone(), ProviderSettings::S3(half))]),
        ..Default::default()
    };
    let error = Stores::new(settings)
        .get(&id)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("access_key and secret_key"), "{error}");
}
