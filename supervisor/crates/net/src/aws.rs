//! What every client of an AWS service is made of.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use crate::{
    Network,
    retry::{Backoff, Growth, Jitter},
    transport::sdk::http_client,
};
use config::TlsVerify;

/// Region of stores that have none of their own, such as `MinIO`.
const DEFAULT_REGION: &str = "us-east-1";
/// Requests of the SDK's clients.
const SDK: Backoff = Backoff {
    attempts: 5,
    first: Duration::from_millis(300),
    growth: Growth::Double,
    longest: Duration::from_secs(10),
    budget: None,
    jitter: Jitter::Full,
};

/// All that distinguishes one client from another.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// Keys of the configuration; without them the SDK's own chain: environment, profile, container, instance.
    pub keys: Option<Credentials>,
    /// The region, where it is known.
    pub region: Option<String>,
    /// The endpoint, where it is not the service's own.
    pub endpoint: Option<String>,
    /// Whether the server's certificate is checked.
    pub verify: TlsVerify,
    /// How connections leave this machine.
    pub network: Network,
}

/// What the client of an AWS service other than S3 is made of: the function's own role, the service's endpoint as the
/// SDK finds it (`AWS_ENDPOINT_URL_<SERVICE>`, `AWS_ENDPOINT_URL`, the profile).
pub async fn own_role_config(region: Option<String>, network: &Network) -> SdkConfig {
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
pub async fn shared_config(settings: ClientSettings) -> SdkConfig {
    let http = http_client(settings.verify, &settings.network);
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(region(&settings, &http))
        .http_client(http)
        .retry_config(SDK.retry_config());
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
