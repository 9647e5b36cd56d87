//! What the jobs of a function need: job definition, launch template, secret and supervisor.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::deploy::aws::batch::Job;
use crate::deploy::aws::ec2::{self, Template};
use crate::deploy::aws::secret;
use crate::deploy::error::DeployError;
use crate::deploy::function_config as config;
use crate::deploy::layer_file::LayerFile;
use crate::deploy::plan::observed::Account;
use crate::deploy::settings::Settings;

/// Longest script that a job definition holds, in characters of base64. The whole definition may have 24 KiB (AWS Batch quotas);
/// a longer script comes with each job.
const SCRIPT_LIMIT: usize = 8 * 1024;

/// Longest value of a parameter, in characters (Systems Manager quotas, advanced parameters).
const SECRET_LIMIT: usize = 8 * 1024;

/// What jobs need.
#[derive(Debug, Clone)]
pub struct JobParts {
    /// The definition.
    pub definition: Job,
    /// The launch template.
    pub template: Template,
    /// The configuration in base64, where it holds secrets.
    pub secret: Option<String>,
    /// The deployment bucket, which has the supervisor.
    pub bucket: String,
    /// Key of the supervisor in the bucket. It is always the same, so that the next instance that starts gets the newest
    /// supervisor: not every compute environment can be given another launch template.
    pub supervisor_key: String,
    /// Hash of the layer that the supervisor is from.
    pub supervisor_hash: String,
}

impl JobParts {
    /// Builds them from the settings and the local layer. `bucket` is the deployment bucket.
    ///
    /// # Errors
    /// [`DeployError`] when there is no layer, when the secret is too long, or when the script cannot be read.
    pub fn new(
        settings: &Settings,
        account: &Account,
        bucket: &str,
        layer: Option<&LayerFile>,
    ) -> Result<Self, DeployError> {
        let layer = layer.ok_or_else(|| {
            DeployError::Usage(
                "jobs need the assembled layer, whose supervisor their instances fetch: run `make layer`, or name its folder with --layer-dir".to_owned(),
            )
        })?;
        let supervisor_key = format!("faas-supervisor/{}/supervisor", settings.arch);
        let template = Template {
            name: settings.batch.launch_template.clone(),
            version: format!("faas-supervisor {} from {bucket}", settings.arch),
            user_data: ec2::user_data(bucket, &supervisor_key, &settings.s3.region),
        };
        let config = config::job_configuration(settings, Some(bucket));
        let encoded = BASE64_STANDARD.encode(config::text(&config));
        let secret = config::has_secrets(&config).then(|| encoded.clone());
        if let Some(text) = secret.as_ref().filter(|text| text.len() > SECRET_LIMIT) {
            return Err(DeployError::Usage(format!(
                "the configuration of jobs holds secrets and has {} characters, of which a parameter takes {SECRET_LIMIT}: shorten it, or \
                 give the job's role access to the stores in place of keys",
                text.len()
            )));
        }
        let arn = secret.as_ref().map(|_| secret::arn(settings, &account.id));
        let definition = Job::new(settings, &account.id, encoded, arn, script(settings)?);
        Ok(Self {
            definition,
            template,
            secret,
            bucket: bucket.to_owned(),
            supervisor_key,
            supervisor_hash: layer.description.sha256.clone(),
        })
    }

    /// Text of the secret.
    ///
    /// # Errors
    /// [`DeployError::Internal`] where the configuration holds no secrets.
    pub fn secret(&self) -> Result<&str, DeployError> {
        self.secret
            .as_deref()
            .ok_or(DeployError::Internal("the jobs have no secret to write"))
    }
}

fn script(settings: &Settings) -> Result<Option<String>, DeployError> {
    let Some(path) = &settings.function.init_script else {
        return Ok(None);
    };
    let content = std::fs::read(path).map_err(|source| DeployError::Io {
        path: path.clone(),
        source,
    })?;
    Ok(Some(BASE64_STANDARD.encode(content)).filter(|text| text.len() <= SCRIPT_LIMIT))
}
