//! One function on its way to AWS: its settings, its package, what exists already, and the plan between them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::aws::batch::Job;
use super::aws::ec2::{self, Template};
use super::aws::{Patience, Services, iam};
use super::error::DeployError;
use super::function_config as config;
use super::layer_file::LayerFile;
use super::observe;
use super::package::{Package, Route};
use super::plan::deploy::{JobWanted, Wanted, plan};
use super::plan::observed::{Account, Observed};
use super::plan::{Plan, Work};
use super::settings::{Runtime, Settings, SettingsError};

/// Longest script that a job definition carries itself, in characters of base64: all of a definition may have 24 KiB (AWS
/// Batch quotas). A longer one comes with the job.
const SCRIPT_LIMIT: usize = 8 * 1024;
/// Most characters of a parameter (Systems Manager quotas, advanced parameters).
const SECRET_LIMIT: usize = 8 * 1024;

/// How much of the function is described.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All of it.
    Whole,
    /// Only what Lambda itself keeps: code, triggers and jobs stay as they are.
    Configuration,
}

/// Everything that carrying out a plan needs.
#[derive(Debug)]
pub struct Deployment {
    /// Settings.
    pub settings: Settings,
    /// Clients.
    pub services: Services,
    /// How long to wait.
    pub patience: Patience,
    /// The layer at hand.
    pub layer: Option<LayerFile>,
    /// Bucket for packages and jobs.
    pub bucket: Option<String>,
    /// The package, unless the function is an image.
    pub package: Option<(Package, Route)>,
    /// What exists.
    pub observed: Observed,
    /// What jobs need.
    pub job: Option<JobParts>,
    scope: Scope,
}

/// What jobs need.
#[derive(Debug, Clone)]
pub struct JobParts {
    /// The definition.
    pub definition: Job,
    /// The launch template.
    pub template: Template,
    /// The secret's text, when the configuration has to be one.
    pub secret: Option<String>,
    /// Key of the supervisor in the deployment bucket.
    pub supervisor_key: String,
}

impl Deployment {
    /// Packages the function, and looks up everything that exists. Nothing is changed.
    ///
    /// # Errors
    /// [`DeployError`].
    pub async fn prepare(
        mut settings: Settings,
        services: Services,
        layer: Option<LayerFile>,
        patience: Patience,
        scope: Scope,
    ) -> Result<Self, DeployError> {
        let account = iam::account(&services).await?;
        let role = role(&settings, &services).await?;
        let bucket = settings.deployment_bucket(&account.id);
        let config = config::configuration(&settings, bucket.as_deref());
        config::check(&config)?;
        check_image(&settings, scope)?;
        let package = match (&settings.function.runtime, scope) {
            (Runtime::Image, Scope::Whole) => {
                carry_in_variable(&mut settings, &config)?;
                None
            }
            (Runtime::Image, _) | (_, Scope::Configuration) => None,
            _ => {
                let package = Package::pack(&settings, &config::text(&config))?;
                let route = package.route(&settings, bucket.as_deref())?;
                Some((package, route))
            }
        };
        check_regions(&settings, package.as_ref().map(|(_, route)| route))?;
        let whole_batch = settings.uses_batch() && scope == Scope::Whole;
        let job = match (&bucket, whole_batch) {
            (Some(bucket), true) => Some(JobParts::new(
                &settings,
                &services,
                &account,
                bucket,
                layer.as_ref(),
            )?),
            _ => None,
        };
        let mut observed = observe::observe(
            &services,
            &settings,
            layer.as_ref(),
            bucket.as_deref(),
            job.as_ref(),
            scope,
        )
        .await?;
        observed.account = account;
        observed.role = role;
        Ok(Self {
            settings,
            services,
            patience,
            layer,
            bucket,
            package,
            observed,
            job,
            scope,
        })
    }

    /// The steps from what exists to what is wanted.
    pub fn plan(&self) -> Plan {
        let image = self.settings.function.image.as_deref().unwrap_or_default();
        let unchanged = self
            .observed
            .function
            .as_ref()
            .map_or(image, |function| &function.code);
        let code = match (&self.package, self.scope) {
            (_, Scope::Configuration) => unchanged,
            (Some((package, _)), _) => &package.sha256,
            (None, _) => image,
        };
        let wanted = Wanted {
            settings: &self.settings,
            code,
            route: self.package.as_ref().map(|(_, route)| route.clone()),
            bucket: self.bucket.clone(),
            job: self.job.as_ref().map(|job| JobWanted {
                definition: job.definition.value(),
                secret: job.secret.clone(),
                template: job.template.version.clone(),
            }),
        };
        let mut plan = plan(&wanted, &self.observed);
        if self.scope == Scope::Configuration {
            const KEPT: [Work; 4] = [
                Work::Layer,
                Work::FunctionConfiguration,
                Work::FunctionTags,
                Work::Retention,
            ];
            plan.steps.retain(|step| KEPT.contains(&step.work));
        }
        plan
    }
}

impl JobParts {
    fn new(
        settings: &Settings,
        services: &Services,
        account: &Account,
        bucket: &str,
        layer: Option<&LayerFile>,
    ) -> Result<Self, DeployError> {
        let (version, hash) = match layer {
            Some(layer) => (layer.description.version.as_str(), layer.description.sha256.as_str()),
            None => return Err(DeployError::Usage(
                "jobs need the assembled layer, whose supervisor their instances fetch: run `make layer`, or name its folder with --layer-dir".to_owned(),
            )),
        };
        let hash: String = hash.chars().take(16).collect();
        let supervisor_key = format!("faas-supervisor/{hash}/{}/supervisor", settings.arch);
        let template = Template {
            name: settings.batch.launch_template.clone(),
            version: format!(
                "faas-supervisor {version} {hash} {} from {bucket}",
                settings.arch
            ),
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
        let arn = secret
            .as_ref()
            .map(|_| super::aws::secret::arn(services, &account.id, &settings.function.name));
        let definition = Job::new(settings, &account.id, encoded, arn, script(settings)?);
        Ok(Self {
            definition,
            template,
            secret,
            supervisor_key,
        })
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

/// The role's ARN: as it is set, or looked up when only its name is.
async fn role(settings: &Settings, services: &Services) -> Result<String, DeployError> {
    if settings.role.is_empty() {
        return Err(SettingsError::Missing {
            key: "aws.iam.role".to_owned(),
            remedy: "the role that functions run with, its ARN or its name; `faas-deploy config check` prints the policy it needs".to_owned(),
            place: settings.role_place.clone(),
        }
        .into());
    }
    if settings.role.starts_with("arn:") {
        return Ok(settings.role.clone());
    }
    Ok(iam::role(services, &settings.role).await?.arn)
}

/// A bucket notifies functions of its own region only, and Lambda reads packages from there only (Lambda developer guide,
/// "Tutorial: Using an Amazon S3 trigger"; API reference, `FunctionCode`).
fn check_regions(settings: &Settings, route: Option<&Route>) -> Result<(), DeployError> {
    let (s3, lambda) = (&settings.s3.region, &settings.lambda.region);
    let why = match route {
        _ if s3 == lambda => return Ok(()),
        Some(Route::Bucket(_)) => "the package goes through a bucket",
        _ if !settings.function.input.is_empty() => "the function has an input bucket",
        _ => return Ok(()),
    };
    Err(DeployError::Usage(format!(
        "s3.region is {s3} and lambda.region is {lambda}, but {why}, which has to be in the function's region: set both to the same"
    )))
}

fn check_image(settings: &Settings, scope: Scope) -> Result<(), DeployError> {
    let function = &settings.function;
    if scope == Scope::Configuration {
        return Ok(());
    }
    let named = function.image.is_some();
    if !named
        && (function.image_file.is_none()
            || settings.uses_batch()
            || function.runtime == Runtime::Image)
    {
        return Err(SettingsError::Missing {
            key: "lambda.container.image".to_owned(),
            remedy: "name the image with --image or in the function's file".to_owned(),
            place: "command line or function file".to_owned(),
        }
        .into());
    }
    let built_elsewhere =
        settings.merged.pointer("/lambda/container/create_image") == Some(&Value::Bool(false));
    if function.runtime == Runtime::Image && !built_elsewhere {
        return Err(DeployError::Usage(
            "lambda.runtime image: images are not built here: put the supervisor into your image, push it to ECR, and set \
             lambda.container.create_image to false"
                .to_owned(),
        ));
    }
    Ok(())
}

/// An image function has no package: its configuration comes in a variable, which everyone who may look at the function can
/// read, so secrets have no place in it.
fn carry_in_variable(settings: &mut Settings, config: &Value) -> Result<(), DeployError> {
    if config::has_secrets(config) {
        return Err(DeployError::Usage(
            "storage_providers hold keys, and the configuration of an image function is a plain variable: give the function's role \
             access to the stores in place of keys, or deploy the image as container.image of a python3 runtime"
                .to_owned(),
        ));
    }
    let encoded = BASE64_STANDARD.encode(config.to_string());
    settings
        .function
        .variables
        .insert("FDL".to_owned(), encoded);
    Ok(())
}
