//! The clients of one function's settings: each section of the configuration has its own profile and region.

use std::sync::Arc;
use std::time::Duration;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use net::Network;
use net::host::{PlainHttp, patient_sdk_client, sdk_client};

use super::signed::Signed;
use crate::deploy::settings::{Section, Settings};

/// Tries of one request, the first included: control planes throttle, and a deployment makes many calls.
const ATTEMPTS: u32 = 8;
/// Longest wait between two tries.
const LONGEST_BACKOFF: Duration = Duration::from_secs(20);
/// Longest wait for a function's answer: the longest a function may run (Lambda quotas), and some for its start.
const LONGEST_CALL: Duration = Duration::from_mins(16);

/// The clients.
#[derive(Debug, Clone)]
pub struct Services {
    /// AWS Lambda.
    pub lambda: aws_sdk_lambda::Client,
    /// AWS Lambda, for calls that wait: they are never made again by themselves, because the function would run twice.
    pub calls: aws_sdk_lambda::Client,
    /// Amazon S3.
    pub s3: aws_sdk_s3::Client,
    /// Amazon S3, where the SDK would take apart what has to stay as it is.
    pub s3_raw: Signed,
    /// Amazon API Gateway.
    pub api: aws_sdk_apigateway::Client,
    /// `CloudWatch` Logs.
    pub logs: aws_sdk_cloudwatchlogs::Client,
    /// `CloudWatch` Logs where jobs are.
    pub job_logs: aws_sdk_cloudwatchlogs::Client,
    /// AWS Batch.
    pub batch: aws_sdk_batch::Client,
    /// IAM.
    pub iam: Signed,
    /// STS.
    pub sts: Signed,
    /// EC2.
    pub ec2: Signed,
    /// Systems Manager, where the secrets of jobs are.
    pub ssm: Signed,
    /// Plain HTTP, for endpoints.
    pub http: Arc<PlainHttp>,
}

impl Services {
    /// Nothing is called yet.
    pub async fn connect(settings: &Settings, network: &Network) -> Self {
        let sdk = sdk_client(network);
        let http = Arc::new(PlainHttp::new(network));
        let lambda = config(&settings.lambda, &sdk).await;
        let s3 = config(&settings.s3, &sdk).await;
        let iam = config(&settings.iam, &sdk).await;
        let batch = config(&settings.batch_section, &sdk).await;
        let signed = |config: &SdkConfig, service| Signed::new(config, service, Arc::clone(&http));
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
            s3_raw: signed(&s3, "s3"),
            s3: aws_sdk_s3::Client::from_conf(
                aws_sdk_s3::config::Builder::from(&s3)
                    .force_path_style(path_style)
                    .build(),
            ),
            api: aws_sdk_apigateway::Client::new(&config(&settings.api, &sdk).await),
            logs: aws_sdk_cloudwatchlogs::Client::new(&config(&settings.cloudwatch, &sdk).await),
            job_logs: aws_sdk_cloudwatchlogs::Client::new(&batch),
            iam: signed(&iam, "iam"),
            sts: signed(&iam, "sts"),
            ec2: signed(&batch, "ec2"),
            ssm: signed(&batch, "ssm"),
            batch: aws_sdk_batch::Client::new(&batch),
            http,
        }
    }
}

/// A section's configuration. The profile `default` stands for the SDK's whole chain (environment, files, instance, …); any
/// other profile was chosen on purpose, so the environment's keys do not win over it.
async fn config(section: &Section, http: &SharedHttpClient) -> SdkConfig {
    let retry = RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_max_backoff(LONGEST_BACKOFF);
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(section.region.clone()))
        .http_client(http.clone())
        .retry_config(retry);
    if section.profile != "default" {
        // A profile may assume a role, for which the provider makes calls of its own.
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
