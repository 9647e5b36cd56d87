//! The clients for one function's settings. Each section of the configuration has its own profile and region.

use std::sync::Arc;
use std::time::Duration;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use net::Network;
use net::host::{PlainHttp, patient_sdk_client, sdk_client};

use super::retry::SDK;
use super::signed::{Service, SignedClient};
use crate::deploy::settings::{Section, Settings};

/// Longest wait for a function's answer: the 15 minutes that a function may run (Lambda quotas), and one for its start.
const LONGEST_CALL: Duration = Duration::from_mins(16);

/// The clients.
#[derive(Debug, Clone)]
pub struct Services {
    /// AWS Lambda.
    pub lambda: aws_sdk_lambda::Client,
    /// AWS Lambda, for calls that wait for the result. The client never repeats them: the function would run twice.
    pub calls: aws_sdk_lambda::Client,
    /// Amazon S3.
    pub s3: aws_sdk_s3::Client,
    /// Amazon S3, for notification configurations: the SDK would drop the elements that it does not know.
    pub s3_notifications: SignedClient,
    /// Amazon API Gateway.
    pub api: aws_sdk_apigateway::Client,
    /// `CloudWatch` Logs.
    pub logs: aws_sdk_cloudwatchlogs::Client,
    /// `CloudWatch` Logs, for the logs of jobs.
    pub job_logs: aws_sdk_cloudwatchlogs::Client,
    /// AWS Batch.
    pub batch: aws_sdk_batch::Client,
    /// IAM.
    pub iam: aws_sdk_iam::Client,
    /// STS.
    pub sts: aws_sdk_sts::Client,
    /// EC2.
    pub ec2: SignedClient,
    /// Systems Manager, for the secrets of jobs.
    pub ssm: aws_sdk_ssm::Client,
    /// Plain HTTP, for the functions' endpoints.
    pub http: Arc<PlainHttp>,
}

impl Services {
    /// Builds the clients. No request is made yet.
    pub async fn connect(settings: &Settings, network: &Network) -> Self {
        let sdk = sdk_client(network);
        let http = Arc::new(PlainHttp::new(network));
        let lambda = config(&settings.lambda, &sdk).await;
        let s3 = config(&settings.s3, &sdk).await;
        let iam = config(&settings.iam, &sdk).await;
        let batch = config(&settings.batch_section, &sdk).await;
        let signed =
            |config: &SdkConfig, service| SignedClient::new(config, service, Arc::clone(&http));
        let path_style = s3.endpoint_url().is_some();
        let patient = patient_sdk_client(network, LONGEST_CALL);
        Self {
            calls: aws_sdk_lambda::Client::from_conf(
                aws_sdk_lambda::config::Builder::from(&lambda)
                    .http_client(patient)
                    .retry_config(RetryConfig::disabled())
                    .build(),
            ),
            lambda: aws_sdk_lambda::Client::new(&lambda),
            s3_notifications: signed(&s3, Service::S3),
            s3: aws_sdk_s3::Client::from_conf(
                aws_sdk_s3::config::Builder::from(&s3)
                    .force_path_style(path_style)
                    .build(),
            ),
            api: aws_sdk_apigateway::Client::new(&config(&settings.api, &sdk).await),
            logs: aws_sdk_cloudwatchlogs::Client::new(&config(&settings.cloudwatch, &sdk).await),
            job_logs: aws_sdk_cloudwatchlogs::Client::new(&batch),
            iam: aws_sdk_iam::Client::new(&iam),
            sts: aws_sdk_sts::Client::new(&iam),
            ec2: signed(&batch, Service::Ec2),
            ssm: aws_sdk_ssm::Client::new(&batch),
            batch: aws_sdk_batch::Client::new(&batch),
            http,
        }
    }
}

/// The SDK's configuration for a section. The profile `default` stands for the SDK's whole chain of providers (environment, files,
/// instance, …). Any other profile was chosen on purpose and wins over keys in the environment.
async fn config(section: &Section, http: &SharedHttpClient) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(section.region.clone()))
        .http_client(http.clone())
        .retry_config(SDK.retry_config());
    if section.profile != "default" {
        // A profile may assume a role, for which the provider sends requests itself.
        let calls = ProviderConfig::default()
            .with_http_client(http.clone())
            .with_region(Some(Region::new(section.region.clone())));
        let provider = ProfileFileCredentialsProvider::builder()
            .configure(&calls)
            .profile_name(&section.profile)
            .build();
        loader = loader
            .profile_name(&section.profile)
            .credentials_provider(provider);
    }
    loader.load().await
}
