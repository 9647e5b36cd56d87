//! Builds the AWS SDK's client for one storage provider.

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::ResponseChecksumValidation;
use aws_types::service_config::ServiceConfigKey;
use net::aws::{ClientSettings, shared_config};

/// A client for one provider.
pub(super) async fn connect(settings: ClientSettings) -> Client {
    let shared = shared_config(settings).await;
    let config = aws_sdk_s3::config::Builder::from(&shared)
        .force_path_style(has_endpoint(&shared))
        // Asked for by whole-object requests only: of a range some servers send the checksum of the whole.
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    Client::from_conf(config.build())
}

/// Whether an endpoint was configured: by us, by `AWS_ENDPOINT_URL`, or by `AWS_ENDPOINT_URL_S3` or the profile.
/// Such servers rarely have a DNS name per bucket, so buckets go into the path.
fn has_endpoint(shared: &SdkConfig) -> bool {
    let key = ServiceConfigKey::builder()
        .service_id("S3")
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build();
    let for_s3 = || shared.service_config()?.load_config(key.ok()?);
    shared.endpoint_url().is_some() || for_s3().is_some()
}
