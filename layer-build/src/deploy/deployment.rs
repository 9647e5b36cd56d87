//! One function on its way to AWS: its settings, its package, what exists already, and the plan from there.

mod checks;

use super::aws::{Services, WaitPolicy, iam};
use super::error::DeployError;
use super::function_config as config;
use super::job_parts::JobParts;
use super::layer_file::LayerFile;
use super::observe;
use super::package::{Package, Route};
use super::plan::Plan;
use super::plan::deploy;
use super::plan::observed::{LogGroupState, Observed};
use super::plan::wanted::{JobWanted, Scope, Wanted};
use super::settings::{Runtime, Settings};
use checks::{carry_in_variable, check_image, check_regions, check_variables, role};

/// Everything that a plan is computed from, and that carrying it out needs.
#[derive(Debug)]
pub struct Deployment {
    /// Settings.
    pub settings: Settings,
    /// Clients.
    pub services: Services,
    /// How long to wait for what AWS prepares.
    pub wait: WaitPolicy,
    /// The local layer; `None` when none is assembled.
    pub layer: Option<LayerFile>,
    /// Bucket for packages and jobs.
    pub bucket: Option<String>,
    /// The package and how it gets to Lambda; `None` for an image function.
    pub package: Option<(Package, Route)>,
    /// What exists.
    pub observed: Observed,
    /// What its jobs need; `None` for a function without jobs.
    pub job: Option<JobParts>,
    /// How much of the function the settings describe.
    pub scope: Scope,
}

impl Deployment {
    /// Packages the function and looks up everything that exists. Changes nothing.
    ///
    /// # Errors
    /// [`DeployError`].
    pub async fn prepare(
        mut settings: Settings,
        services: Services,
        layer: Option<LayerFile>,
        wait: WaitPolicy,
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
        check_variables(&settings)?;
        check_regions(&settings, package.as_ref().map(|(_, route)| route))?;
        let needs_job = settings.uses_batch() && scope == Scope::Whole;
        let job = match (&bucket, needs_job) {
            (Some(bucket), true) => {
                Some(JobParts::new(&settings, &account, bucket, layer.as_ref())?)
            }
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
            wait,
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
            scope: self.scope,
            code,
            route: self.package.as_ref().map(|(_, route)| route.clone()),
            bucket: self.bucket.clone(),
            job: self.job.as_ref().map(|job| JobWanted {
                bucket: job.bucket.clone(),
                definition: job.definition.value(),
                secret: job.secret.clone(),
                template: job.template.version.clone(),
            }),
        };
        deploy::plan(&wanted, &self.observed)
    }

    /// The package and how it gets to Lambda.
    ///
    /// # Errors
    /// [`DeployError::Internal`] for an image function.
    pub fn package(&self) -> Result<&(Package, Route), DeployError> {
        self.package
            .as_ref()
            .ok_or(DeployError::Internal("the function has no package"))
    }

    /// What the function's jobs need.
    ///
    /// # Errors
    /// [`DeployError::Internal`] for a function without jobs.
    pub fn job(&self) -> Result<&JobParts, DeployError> {
        self.job
            .as_ref()
            .ok_or(DeployError::Internal("the function has no jobs"))
    }

    /// The local layer.
    ///
    /// # Errors
    /// [`DeployError::Usage`] when none is assembled.
    pub fn layer(&self) -> Result<&LayerFile, DeployError> {
        self.layer.as_ref().ok_or_else(|| {
            DeployError::Usage(
                "there is no layer to publish: run `make layer`, or name its folder with --layer-dir"
                    .to_owned(),
            )
        })
    }

    /// Id of the function's HTTP endpoint.
    ///
    /// # Errors
    /// [`DeployError::Internal`] for a function without one.
    pub fn api_id(&self) -> Result<&str, DeployError> {
        let api = self.observed.api.as_ref();
        api.map(|api| api.id.as_str())
            .ok_or(DeployError::Internal("the function has no HTTP endpoint"))
    }

    /// The log group that exists.
    ///
    /// # Errors
    /// [`DeployError::Internal`] when there is none.
    pub fn log_group(&self) -> Result<&LogGroupState, DeployError> {
        self.observed
            .log_group
            .as_ref()
            .ok_or(DeployError::Internal("the function has no log group"))
    }
}
