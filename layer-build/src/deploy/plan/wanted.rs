//! What a function should be: the input of [`super::deploy::plan`], beside what exists.

use serde_json::Value;

use crate::deploy::package::Route;
use crate::deploy::settings::Settings;

/// How much of the function is described.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All of it.
    Whole,
    /// Only what Lambda itself keeps: code, triggers and jobs stay as they are.
    Configuration,
}

/// What the function should be.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// Settings of the function.
    pub settings: &'a Settings,
    /// How much of the function they describe.
    pub scope: Scope,
    /// SHA-256 of the package in base64, or the image of an image function.
    pub code: &'a str,
    /// How the package gets to Lambda; `None` for an image function.
    pub route: Option<Route>,
    /// The bucket for packages and jobs.
    pub bucket: Option<String>,
    /// What its jobs need; `None` for a function without jobs.
    pub job: Option<JobWanted>,
}

/// What AWS Batch should have.
#[derive(Debug, Clone, PartialEq)]
pub struct JobWanted {
    /// The bucket that instances fetch the supervisor from.
    pub bucket: String,
    /// The job definition's values, in the shape that states are compared in.
    pub definition: Value,
    /// Text of the secret configuration, where the configuration holds secrets.
    pub secret: Option<String>,
    /// Description of the launch template's version.
    pub template: String,
}

impl Wanted<'_> {
    /// The deployment bucket, if anything goes through it.
    pub(super) fn deployment_bucket(&self) -> Option<&String> {
        let is_used = self.package_bucket().is_some()
            || self.settings.uses_batch()
            || self.settings.deployment.bucket.is_some();
        self.bucket.as_ref().filter(|_| is_used)
    }

    /// The bucket that the package goes through, unless Lambda gets it in the request.
    pub(super) fn package_bucket(&self) -> Option<&str> {
        match &self.route {
            Some(Route::Bucket(bucket)) => Some(bucket),
            Some(Route::Request) | None => None,
        }
    }
}
