//! Builds the AWS SDK's client for one storage provider, and what other AWS services' clients need.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{ResponseChecksumValidation, SharedHttpClient};
use aws_types::service_config::ServiceConfigKey;

use super::http::sdk::http_client;
use crate::config::TlsVerify;
use crate::network::Network;

/// Region of stores that have none of their own, such as `MinIO`.
const DEFAULT_REGION: &str = "us-east-1";
/// Tries of one request, the first included.
const ATTEMPTS: u32 = 5;
/// Upper bound of the random wait before the first retry; doubled each time.
const FIRST_BACKOFF: Duration = Duration::from_millis(300);
/// Longest wait between two tries.
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);

/// All that distinguishes the client of one provider from another's.
#[derive(Debug, Clone)]
pub(super) struct ClientSettings {
    /// Keys of the configuration; without them the SDK's own chain: environment, profile, container, instance.
    pub(super) keys: Option<Credentials>,
    pub(super) region: Option<String>,
    pub(super) endpoint: Option<String>,
    pub(super) verify: TlsVerify,
    pub(super) network: Network,
}

/// A client for one provider.
pub(super) async fn connect(settings: ClientSettings) -> Client {
    let shared = shared_config(settings).await;
    let config = aws_sdk_s3::config::Builder::from(&shared)
        .force_path_style(has_endpoint(&shared))
        // Asked for by whole-object requests only: of a range some servers send the checksum of the whole.
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    Client::from_conf(config.build())
}

/// What the client of an AWS service other than S3 is made of: the function's own role, the service's endpoint as the
/// SDK finds it (`AWS_ENDPOINT_URL_<SERVICE>`, `AWS_ENDPOINT_URL`, the profile).
pub(crate) async fn own_role_config(region: Option<String>, network: &Network) -> SdkConfig {
    shared_config(ClientSettings {
        keys: None,
        region,
        endpoint: None,
        verify: TlsVerify::Verify,
        network: network.clone(),
    })
    .await
}

/// Reads the environment and profile files through the SDK, connects to nothing except, where nothing else names a
/// region, the instance's metadata service.
async fn shared_config(settings: ClientSettings) -> SdkConfig {
    let http = http_client(settings.verify, &settings.network);
    let retry = RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(FIRST_BACKOFF)
        .with_max_backoff(LONGEST_BACKOFF);
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(region(&settings, &http))
        .http_client(http)
        .retry_config(retry);
    if let Some(keys) = &settings.keys {
        loader = loader.credentials_provider(keys.clone());
    }
    if let Some(endpoint) = &settings.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    loader.load().await
}

/// The configured region, else the environment's, else the profile's. The instance is asked only when the store
/// is AWS itself: elsewhere the question costs seconds and the answer means nothing.
fn region(settings: &ClientSettings, http: &SharedHttpClient) -> RegionProviderChain {
    let known = RegionProviderChain::first_try(settings.region.clone().map(Region::new))
        .or_else(EnvironmentVariableRegionProvider::new())
        .or_else(ProfileFileRegionProvider::new());
    let chain = if settings.endpoint.is_some() {
        known
    } else {
        // The SDK's own chain has no HTTP client unless one is built into the SDK, and then never asks.
        let instance = ProviderConfig::default().with_http_client(http.clone());
        known.or_else(ImdsRegionProvider::builder().configure(&instance).build())
    };
    chain.or_else(Region::new(DEFAULT_REGION))
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
