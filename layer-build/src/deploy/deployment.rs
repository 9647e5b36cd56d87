//! One function on its way to AWS: its settings, its package, what exists already, and the plan between them.

mod checks;
mod job;

use super::aws::{Patience, Services, iam};
use super::error::DeployError;
use super::function_config as config;
use super::layer_file::LayerFile;
use super::observe;
use super::package::{Package, Route};
use super::plan::deploy::{JobWanted, Wanted, plan};
use super::plan::observed::Observed;
use super::plan::{Plan, Work};
use super::settings::{Runtime, Settings};
use checks::{carry_in_variable, check_image, check_regions, check_variables, role};
pub use job::JobParts;

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
        check_variables(&settings)?;
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
            // Retention comes from a function's file, and there is none.
            const KEPT: [Work; 3] = [Work::Layer, Work::FunctionConfiguration, Work::FunctionTags];
            plan.steps.retain(|step| KEPT.contains(&step.work));
        }
        plan
    }
}
